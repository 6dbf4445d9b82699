package programs

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/mocotpu/mocotpu/xla/host/regular"
	"github.com/mocotpu/mocotpu/xla/host/settings"
)

// A file of a saved program is savedMagic with the format's number, the SHA-256 of what follows up to the program, the length
// of the header (4 bytes, little-endian), the header in JSON, and the program as the plugin serialized it.
const (
	savedMagic  = "mocotpu saved program "
	savedFormat = "1\n"
	savedPrefix = len(savedMagic) + len(savedFormat) + sha256.Size + 4
	// mostHeader bounds the header in bytes. It has the type of each input, of which a ResNet-50's step has 700.
	mostHeader = 1 << 20
)

// An Origin is the engine that a program was compiled by, or for, with everything of it that decides what a compiler makes.
type Origin struct {
	Engine string `json:"engine"` // "cpu", "cuda" or "tpu"
	Plugin string `json:"plugin"` // its platform, and all versions that it names
	// Processor is that of the host, of an engine that computes on it.
	Processor string   `json:"processor"`
	Devices   []string `json:"devices"` // the kind, number and place of each, sorted
	Flags     string   `json:"flags"`   // the environment, as far as the compiler reads it
}

// A Text is what a compiler got.
type Text struct {
	Name    string   `json:"name"`    // of the program: "step"
	Options string   `json:"options"` // SHA-256 of PJRT's compile options
	Inputs  []string `json:"inputs"`  // types, in order: "64x3x3x3xf32"
	Program string   `json:"program"` // SHA-256 of the StableHLO
}

// Saved is a compiled program in a file of its own. What it is can be asked; the program itself is read when it has been
// compared with what it is wanted for.
type Saved struct {
	Path string
	Text
	// Source is what the text was made from, in the words of who saved it.
	Source json.RawMessage

	origin Origin
	offset int64 // of the program in the file
	size   int64
	sum    []byte
}

type savedHeader struct {
	Origin Origin          `json:"origin"`
	Text   Text            `json:"text"`
	Source json.RawMessage `json:"source"`
	Bytes  int64           `json:"bytes"`
	SHA256 []byte          `json:"sha256"` // of the program
}

// Encode returns the file of a program, as a plugin serialized it. Source is JSON, or nil.
func Encode(origin Origin, text Text, source json.RawMessage, program []byte) ([]byte, error) {
	sum := sha256.Sum256(program)
	header, err := json.Marshal(savedHeader{origin, text, source, int64(len(program)), sum[:]})
	if err == nil && len(header) > mostHeader {
		err = fmt.Errorf("its description has %d bytes, want at most %d", len(header), mostHeader)
	}
	if err != nil {
		return nil, fmt.Errorf("programs: saving %s: %w", text.Name, err)
	}
	described := append(binary.LittleEndian.AppendUint32(nil, uint32(len(header))), header...)
	sum = sha256.Sum256(described)
	return bytes.Join([][]byte{[]byte(savedMagic + savedFormat), sum[:], described, program}, nil), nil
}

// OpenSaved reads what a file says of its program, and nothing of the program. The error is settings.ErrInvalid: for a file
// that others than the user may write to ([ErrUnsafe]), since its code is run; for one that is damaged ([ErrDamaged]) or none of
// ours; and for what is no file.
func OpenSaved(path string) (*Saved, error) {
	s := &Saved{Path: path}
	f, err := s.open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := s.read(f); err != nil {
		return nil, settings.Invalid(fmt.Errorf("programs: %s %w; mocotpu compile --save makes such files", path, err))
	}
	return s, nil
}

func (s *Saved) open() (*os.File, error) {
	f, err := regular.Open(s.Path)
	if err != nil {
		return nil, settings.Invalid(fmt.Errorf("programs: %w", err))
	}
	info, err := f.Stat()
	if err == nil {
		owner, known := ownerOf(info)
		switch {
		case known && info.Mode().Perm()&0o022 != 0:
			err = fmt.Errorf("is %w: others may write to it (%s), and it is code; chmod go-w if you know that nobody has", ErrUnsafe, info.Mode().Perm())
		case known && owner != os.Geteuid() && owner != 0:
			err = fmt.Errorf("is %w: it belongs to user %d, want %d, and it is code; make a copy if you trust it", ErrUnsafe, owner, os.Geteuid())
		}
	}
	if err != nil {
		f.Close()
		return nil, settings.Invalid(fmt.Errorf("programs: %s %w", s.Path, err))
	}
	return f, nil
}

// read reads what stands before the program.
func (s *Saved) read(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	prefix := make([]byte, savedPrefix)
	_, err = io.ReadFull(f, prefix)
	format, ours := strings.CutPrefix(string(prefix), savedMagic)
	switch {
	case err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return err
	case !ours:
		return errors.New("is no saved program: it begins otherwise")
	case !strings.HasPrefix(format, savedFormat):
		return fmt.Errorf("has a format of another version of mocotpu, want format %s: compile it again", strings.TrimSpace(savedFormat))
	}
	length := prefix[savedPrefix-4:]
	n := int64(binary.LittleEndian.Uint32(length))
	s.offset = int64(savedPrefix) + n
	if err != nil || n > mostHeader || s.offset > info.Size() {
		return fmt.Errorf("is %w: it ends within its description, or says that this has %d bytes", ErrDamaged, n)
	}
	header := make([]byte, n)
	if _, err := io.ReadFull(f, header); err != nil {
		return fmt.Errorf("is %w: %w", ErrDamaged, err)
	}
	sum := sha256.Sum256(append(bytes.Clone(length), header...))
	if !bytes.Equal(sum[:], prefix[savedPrefix-4-sha256.Size:savedPrefix-4]) {
		return fmt.Errorf("is %w: the checksum of its description does not match", ErrDamaged)
	}
	var h savedHeader
	decoder := json.NewDecoder(bytes.NewReader(header))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&h); err != nil {
		return fmt.Errorf("is %w: %w", ErrDamaged, err)
	}
	if h.Bytes < 0 || h.Bytes > defaultLimit || h.Bytes != info.Size()-s.offset {
		return fmt.Errorf("is %w: its program has %d bytes, want %d and at most %d", ErrDamaged, info.Size()-s.offset, h.Bytes, int64(defaultLimit))
	}
	s.Text, s.Source, s.origin, s.size, s.sum = h.Text, h.Source, h.Origin, h.Bytes, h.SHA256
	return nil
}

// Check refuses an engine that is not as the one that the program was compiled for. The error is settings.ErrInvalid and names
// each difference.
func (s *Saved) Check(now Origin) error {
	was := s.origin
	var d differences
	if d.add("engine", was.Engine, now.Engine, "--backend="+was.Engine); len(d) > 0 {
		return d.err(s.Path) // whose plugin and devices are others, of course
	}
	d.add("plugin", was.Plugin, now.Plugin, "install that version, or compile with this one")
	d.add("processor", was.Processor, now.Processor, "compile on this machine")
	d.list("devices", was.Devices, now.Devices, fmt.Sprintf("want %d of these: --devices", len(was.Devices)))
	d.add("flags", was.Flags, now.Flags, "set the environment as it was, or compile with this one")
	return d.err(s.Path)
}

// Load returns the program, if it is that of a text. The error is settings.ErrInvalid and names each difference.
func (s *Saved) Load(now Text) ([]byte, error) {
	var d differences
	d.add("compile options", s.Options, now.Options, "compile with this mocotpu")
	d.list("inputs", s.Inputs, now.Inputs, "give train the flags that compile had")
	d.add("program", s.Program, now.Program, "give train the flags that compile had, or compile with this mocotpu")
	if err := d.err(s.Path); err != nil {
		return nil, err
	}
	f, err := s.open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	program, err := s.program(f)
	if err != nil {
		return nil, settings.Invalid(fmt.Errorf("programs: %s is %w: %w", s.Path, ErrDamaged, err))
	}
	return program, nil
}

// program reads the program, whose checksum it asks before it takes memory for it: the file that a copy has not filled yet has
// its length, and nothing on the disk.
func (s *Saved) program(f *os.File) ([]byte, error) {
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(f, s.offset, s.size)); err != nil {
		return nil, err
	}
	if !bytes.Equal(sum.Sum(nil), s.sum) {
		return nil, errors.New("the checksum of its program does not match; compile it again, or copy it again")
	}
	program := make([]byte, s.size)
	if _, err := f.ReadAt(program, s.offset); err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(program); !bytes.Equal(sum[:], s.sum) {
		return nil, errors.New("it was changed while it was read")
	}
	return program, nil
}

// differences are lines about what is not as it was.
type differences []string

// mostShown is how much of a value a line shows, in bytes.
const mostShown = 160

func (d *differences) add(what, was, now, todo string) {
	if was != now {
		*d = append(*d, fmt.Sprintf("  %s: compiled with %s, here it is %s: %s", what, shown(was), shown(now), todo))
	}
}

// list adds what two lists differ in first.
func (d *differences) list(what string, was, now []string, todo string) {
	if len(was) != len(now) {
		d.add(fmt.Sprintf("%s, how many", what), fmt.Sprint(len(was)), fmt.Sprint(len(now)), todo)
		return
	}
	for i := range was {
		if was[i] != now[i] {
			d.add(fmt.Sprintf("%s, number %d", what, i), was[i], now[i], todo)
			return
		}
	}
}

func (d *differences) err(path string) error {
	if len(*d) == 0 {
		return nil
	}
	return settings.Invalid(fmt.Errorf("programs: the program saved in %s is for something else; compile it again (mocotpu compile --save), or change\n%s",
		path, strings.Join(*d, "\n")))
}

// shown is a value, or how it begins.
func shown(value string) string {
	if len(value) > mostShown {
		value = value[:mostShown] + "..."
	}
	return fmt.Sprintf("%q", value)
}
