package main

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/xla/programs"
)

// hostilePrograms are files of compiled programs. What they hold is never run: that they are for another engine is found out
// before.
func hostilePrograms(g good) []hostileInput {
	args := strings.Join(tinyRun, " ") + " --dir=DIR/run --program=DIR/x"
	config := must.M1(run.ReadRecord(g.run)).Config
	source := must.M1(json.Marshal(config))
	good := must.M1(programs.Encode(programs.Origin{Engine: "cpu"}, programs.Text{Name: "step"}, source, []byte("code")))
	var all []hostileInput
	add := func(name string, content []byte) {
		all = append(all, fileInput("a program: "+name, args, "x", content))
	}
	for i, c := range append(changed(good, 8), good, good[:len(good)-1], nil) {
		add(fmt.Sprintf("changed %d", i), c)
	}
	header := func(text string) []byte {
		length := append(binary.LittleEndian.AppendUint32(nil, uint32(len(text))), text...)
		sum := sha256.Sum256(length)
		return slices.Concat([]byte("mocotpu saved program 1\n"), sum[:], length)
	}
	long := strings.Repeat
	headers := map[string][]byte{
		"another format":    []byte("mocotpu saved program 9\n" + long("x", 99)),
		"a long header":     []byte("mocotpu saved program 1\n" + long("\xff", 99)),
		"deep JSON":         header(`{"source":` + long("[", 900_000)),
		"deep JSON in it":   header(`{"source":` + long("[", 9_000) + long("]", 9_000) + `}`),
		"an escape":         header(`{"origin":{"engine":"\u001b]0;x\u0007"},"source":` + string(source) + `}`),
		"a long name":       header(`{"origin":{"plugin":"` + long("x", 900_000) + `"},"source":` + string(source) + `}`),
		"many devices":      header(`{"origin":{"engine":"go","devices":[` + long(`"",`, 200_000) + `""]},"source":` + string(source) + `}`),
		"a negative size":   header(`{"bytes":-4,"source":` + string(source) + `}`),
		"no configuration":  header(`{"source":null}`),
		"a huge encoder":    header(`{"source":` + strings.Replace(string(source), `"width":2`, `"width":9223372036854775807`, 1) + `}`),
		"a plugin to open":  header(`{"source":` + strings.Replace(string(source), `"plugin":""`, `"plugin":"/tmp/evil.so"`, 1) + `}`),
		"no such structure": header(`[]`),
	}
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		add(name, headers[name])
	}
	huge := header(`{"bytes":4000000000,"origin":{"engine":"cpu"},"source":` + string(source) + `}`)
	return append(all, hostileInput{name: "a program: four gigabytes", args: args, make: func(dir string) {
		hole(dir, "x", huge, int64(len(huge))+4_000_000_000)
	}})
}
