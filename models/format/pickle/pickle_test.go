package pickle

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"math"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

var allowed = []Global{{"numpy", "ndarray"}}

// every kind of value there is.
func every() any {
	return Dict{
		{"none", nil},
		{"flags", List{true, false}},
		{"ints", Tuple{0, 1, -1, 255, 65536, math.MaxInt32, math.MinInt32, math.MaxInt32 + 1, -1 << 40, math.MaxInt64, math.MinInt64}},
		{"floats", List{0.5, math.Inf(-1)}},
		{"text", "ogórek\n"},
		{"", []byte{0, 255}},
		{7, Dict{}},
		{"empty", List{List{}, Tuple{}, "", []byte{}}},
		{"array", Call{Global{"numpy", "ndarray"}, Tuple{Tuple{2}, "<f4"}}},
		{"class", Global{"numpy", "ndarray"}},
		{"out", Persistent{Tuple{"storage", 3}}},
	}
}

func TestThereAndBack(t *testing.T) {
	var written bytes.Buffer
	if err := Write(&written, 3, every()); err != nil {
		t.Fatal(err)
	}
	written.WriteString("rest")
	r := bufio.NewReader(&written)
	got, err := Read(r, allowed)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, every()) {
		t.Errorf("read %#v\nwant %#v", got, every())
	}
	if rest, err := r.ReadString(0); rest != "rest" {
		t.Errorf("%q is left (error %v), want what follows the pickle", rest, err)
	}
	if err := Write(&written, 3, Dict{{"a", struct{}{}}}); err == nil || !strings.Contains(err.Error(), "struct {}") {
		t.Errorf("writing a struct: error %v", err)
	}
	if err := Write(&written, 2, []byte{1}); err == nil || !strings.Contains(err.Error(), "protocol 2") {
		t.Errorf("bytes by protocol 2: error %v", err)
	}
	if err := Write(&written, 4, nil); err == nil {
		t.Error("protocol 4 was written")
	}
}

// Recorded from Python 3.11: pickle.dumps(value, protocol).
func TestReadsPythons(t *testing.T) {
	for _, test := range []struct {
		name, pickle string
		want         any
	}{
		{"protocol 0", "(lp0\nI1\naI01\naVx\np1\naF0.5\na.", List{1, true, "x", 0.5}},
		{"protocol 2, OrderedDict with attributes", "\x80\x02ccollections\nOrderedDict\nq\x00)Rq\x01X\x01\x00\x00\x00aq\x02K\x01s}q\x03X\x01\x00\x00\x00xq\x04K\x02sb.", Dict{{"a", 1}}},
		{"protocol 4", "\x80\x04\x95\x15\x00\x00\x00\x00\x00\x00\x00}\x94\x8c\x01a\x94]\x94(K\x01\x8c\x01b\x94N\x86\x94es.", Dict{{"a", List{1, Tuple{"b", nil}}}}},
	} {
		if got, err := Read(strings.NewReader(test.pickle), nil); err != nil || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: %#v, error %v, want %#v", test.name, got, err, test.want)
		}
	}
}

// Whatever a pickle asks to run, or to build, is refused by name.
func TestRefuses(t *testing.T) {
	for _, test := range []struct{ name, pickle, want string }{
		{"os.system", "cos\nsystem\n(S'echo hacked'\ntR.", "os.system"},
		{"builtins.eval", "\x80\x03cbuiltins\neval\nX\x01\x00\x00\x001\x85R.", "builtins.eval"},
		{"by stack", "\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x01x\x85R.", "posix.system"},
		{"instance", "(ios\nsystem\n.", "os.system"},
		{"set", "\x80\x04\x8f.", "not plain data"},
		{"itself", "]\x94h\x00a.", "nested more than"},
	} {
		_, err := Read(strings.NewReader(test.pickle), allowed)
		if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want it refused: %q", test.name, err, test.want)
		}
	}
	// Each of 40 lists holds the one before it twice.
	laughs := "]\x94" + "]\x94(h\x00h\x00e"
	for i := range 40 {
		laughs += "]\x94(h" + string(rune(i+1)) + "h" + string(rune(i+1)) + "e"
	}
	if _, err := Read(strings.NewReader(laughs+"."), nil); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "more than") {
		t.Errorf("a pickle that unfolds without end: error %v", err)
	}
}

// A damaged pickle is an error at every length and with every byte changed, or another value; never a panic.
func TestDamaged(t *testing.T) {
	var written bytes.Buffer
	if err := Write(&written, 3, every()); err != nil {
		t.Fatal(err)
	}
	whole := written.Bytes()
	for n := range whole {
		if got, err := Read(bytes.NewReader(whole[:n]), allowed); err == nil {
			t.Fatalf("cut to %d bytes of %d: read %v", n, len(whole), got)
		}
	}
	for i := range whole {
		for _, flip := range []byte{1, 4, 0x80} {
			spoilt := bytes.Clone(whole)
			spoilt[i] ^= flip
			Read(bytes.NewReader(spoilt), allowed)
		}
	}
}

// TestBombs has small pickles of large values end early: within a few hundred megabytes, which the memory taken in all shows.
func TestBombs(t *testing.T) {
	long := strings.Repeat
	deep := long("]\x94", 1) + long("(h\x00h\x00e]\x94", 10)
	for _, test := range []struct{ name, pickle string }{
		{"DUP", "N" + long("2", 20_000_000)},
		{"DUP and MARK", "N" + long("(2", 20_000_000)},
		{"memo", "N" + long("\x94", 20_000_000)},
		{"empty lists", long("]", 20_000_000)},
		{"an integer of digits", "I" + long("7", 20_000_000) + "\n."},
		{"an integer of bytes", "\x8b\x00\x00\x00\x40" + long("7", 20_000_000)},
		{"a string", "X\x00\x00\x00\x40" + long("7", 20_000_000)},
		{"a promised string", "\x8e\x00\x00\x00\x00\x00\x00\x00\x70"},
		{"one long list, many times", "(" + long("N", 500_000) + "l\x94]\x94(" + long("h\x00", 500_000) + "e."},
		{"lists of lists", deep + "."},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		got, err := Read(strings.NewReader(test.pickle), nil)
		runtime.ReadMemStats(&after)
		if taken := after.TotalAlloc - before.TotalAlloc; taken > 600<<20 {
			t.Errorf("%s: took %d MiB, error %v", test.name, taken>>20, err)
		}
		if err == nil && test.name != "lists of lists" {
			t.Errorf("%s: read %T", test.name, got)
		}
	}
}

// TestLegacyWords reads what Python 2 wrote.
func TestLegacyWords(t *testing.T) {
	got, err := Read(strings.NewReader("\x80\x02(U\x01aT\x02\x00\x00\x00bc\x8a\x01\xff\x8a\x00M\x00\x01G?\xe0\x00\x00\x00\x00\x00\x00t."), nil)
	if want := (Tuple{"a", "bc", -1, 0, 256, 0.5}); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%#v, error %v, want %#v", got, err, want)
	}
}

func FuzzRead(f *testing.F) {
	var written bytes.Buffer
	if err := Write(&written, 3, every()); err != nil {
		f.Fatal(err)
	}
	f.Add(written.Bytes())
	f.Add([]byte("\x80\x02ccollections\nOrderedDict\nq\x00)Rq\x01X\x01\x00\x00\x00aq\x02K\x01s}q\x03X\x01\x00\x00\x00xq\x04K\x02sb."))
	f.Add([]byte("\x80\x04\x95\x15\x00\x00\x00\x00\x00\x00\x00}\x94\x8c\x01a\x94]\x94(K\x01\x8c\x01b\x94N\x86\x94es."))
	f.Add([]byte("]\x94h\x00a."))
	f.Fuzz(func(t *testing.T, text []byte) {
		v, err := Read(bytes.NewReader(text), allowed)
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := Write(&again, 3, v); err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		if second, err := Read(&again, allowed); err != nil || fmt.Sprintf("%#v", second) != fmt.Sprintf("%#v", v) {
			t.Fatalf("read %#v, error %v, want %#v", second, err, v)
		}
	})
}
