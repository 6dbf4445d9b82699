package xla

/*
#cgo LDFLAGS: -ldl
#include <stdlib.h>
#include <string.h>
#include "table.h"
*/
import "C"

import (
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"sync"
	"time"
	"unsafe"

	"github.com/gomlx/go-xla/pjrt"

	"github.com/mocotpu/mocotpu/xla/hlo"
)

// opening serialises everything that is not safe to do twice at once: registering a plugin with go-xla (which takes no
// lock), and creating a client and asking which one it was.
var opening sync.Mutex

// plugins are the opened plugin files by path; a plugin is never unloaded. Guarded by opening.
var plugins = map[string]*table{}

// A table is one PJRT plugin file, opened once per process through our table of functions.
type table struct {
	slot         int
	name         string // under which go-xla knows our table
	major, minor int    // PJRT API version
	opened       string // the environment that it was opened in, as far as compilers read it
	used         bool   // a client was asked for
}

func (p *table) environment() string { return p.opened }

// openPlugin opens the plugin at path, or finds it opened; compileOnly makes clients of it that are topologies, apart
// from other uses of the same file. The caller holds opening.
func openPlugin(engine, path string, compileOnly bool) (*table, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	key := path
	if compileOnly {
		key += " without hardware"
	}
	if p, ok := plugins[key]; ok {
		return p, nil
	}
	if len(plugins) == int(C.MT_SLOTS) {
		return nil, fmt.Errorf("%s: %d plugins are open in this process, which is the limit", path, len(plugins))
	}
	p := &table{slot: len(plugins)}
	cPath := C.CString(path)
	defer C.free(unsafe.Pointer(cPath))
	var major, minor C.int
	if text := C.mt_open(C.int(p.slot), cPath, &major, &minor); text != nil {
		defer C.free(unsafe.Pointer(text))
		return nil, fmt.Errorf("%s: %s: if mocotpu setup %s installed it, that installs it again", path, C.GoString(text), engine)
	}
	p.major, p.minor = int(major), int(minor)
	if err := checkFlags(); err != nil {
		return nil, err
	}
	p.opened = compilerEnvironment()
	if compileOnly {
		C.mt_compile_only(C.int(p.slot))
	}
	// go-xla looks for a plugin file unless the name is an absolute path, and caches what it finds. It knows cpu and
	// cuda by the name.
	p.name = fmt.Sprintf("/mocotpu/%s/%d", engine, p.slot)
	if err := pjrt.RegisterPreloadedPlugin(p.name, uintptr(C.mt_table(C.int(p.slot)))); err != nil {
		return nil, fmt.Errorf("%s: %w", path, asError("initialize plugin", err))
	}
	plugins[key] = p
	return p, nil
}

// lastClient names the client that was created last through this plugin. The caller holds opening.
func (p *table) lastClient() uintptr { return uintptr(C.mt_last_client(C.int(p.slot))) }

// compilations are the programs in the compiler's hands by token.
var (
	compilations sync.Map // uintptr -> *Program
	tokens       struct {
		sync.Mutex
		last uintptr
	}
)

// mocotpuProgram is called by our Client_Compile before the plugin's: it decides what the compiler gets.
//
//export mocotpuProgram
func mocotpuProgram(client unsafe.Pointer, format *C.char, formatSize C.size_t, code *C.char, codeSize C.size_t,
	options *C.char, optionsSize C.size_t, d *C.mt_decision,
) {
	e, ok := clients.Load(uintptr(client))
	if !ok {
		d.refusal = C.CString("xla: a program for a client that no open engine owns")
		return
	}
	compileOptions := C.GoBytes(unsafe.Pointer(options), C.int(optionsSize))
	// A copy: the program keeps its text for longer than the caller does.
	program, text, err := e.(*Engine).admit(C.GoStringN(format, C.int(formatSize)), C.GoStringN(code, C.int(codeSize)), compileOptions)
	if err != nil {
		d.refusal = C.CString(err.Error())
		return
	}
	program.options = fmt.Sprintf("%x", sha256.Sum256(compileOptions))
	saved, err := program.load()
	if err != nil {
		program.refused = err
		d.refusal = C.CString(err.Error())
		return
	}
	// XLA's parser reads one byte past the end of the text and expects a NUL there.
	const tail = 16
	buf := C.calloc(1, C.size_t(len(text)+tail))
	copy(unsafe.Slice((*byte)(buf), len(text)), text)
	d.code, d.code_size = (*C.char)(buf), C.size_t(len(text))
	tokens.Lock()
	tokens.last++
	d.token = C.uintptr_t(tokens.last)
	tokens.Unlock()
	compilations.Store(uintptr(d.token), program)
	if program.global {
		if compileOptions, err = hlo.Spread(compileOptions, e.(*Engine).several.ids); err != nil {
			d.refusal = C.CString(err.Error())
			return
		}
		d.options, d.options_size = (*C.char)(C.CBytes(compileOptions)), C.size_t(len(compileOptions))
	}
	found := saved
	if d.only = saved != nil; !d.only {
		found = program.find(string(compileOptions))
	}
	if found != nil {
		d.stored, d.stored_size = (*C.char)(C.CBytes(found)), C.size_t(len(found))
	}
}

// mocotpuCompiled is called by our Client_Compile after the plugin's, with a reference of ours to the executable or with
// the failure; whether it was loaded and not compiled, and why not although it was stored.
//
//export mocotpuCompiled
func mocotpuCompiled(token C.uintptr_t, executable unsafe.Pointer, code C.int, text *C.char, loaded C.bool, stale *C.char) {
	p, ok := compilations.LoadAndDelete(uintptr(token))
	if !ok {
		return
	}
	program := p.(*Program)
	if stale != nil && text != nil && program.key == "" { // it was to be loaded or nothing
		program.refused = program.unloadable(C.GoString(stale))
		return
	}
	if text != nil {
		program.failed = &Error{Op: "compile", Code: Code(code), Msg: C.GoString(text), Program: program}
	}
	program.compiled(uintptr(executable), bool(loaded))
	if stale != nil {
		program.tell("compiled again", fmt.Errorf("the plugin refuses what is stored: %s", C.GoString(stale)))
	}
	program.store()
}

//export mocotpuNotice
func mocotpuNotice(text *C.char) { notice(C.GoString(text)) }

// unknownWord returns the first word that no library of the process has as a string, or "".
func unknownWord(words []string) string {
	if len(words) == 0 {
		return ""
	}
	array := C.calloc(C.size_t(len(words)), C.size_t(unsafe.Sizeof(uintptr(0))))
	defer C.free(array)
	cWords := unsafe.Slice((**C.char)(array), len(words))
	for i, w := range words {
		cWords[i] = C.CString(w)
		defer C.free(unsafe.Pointer(cWords[i]))
	}
	unknown := C.mt_unknown_word((**C.char)(array), C.int(len(words)))
	if unknown == nil {
		return ""
	}
	defer C.free(unsafe.Pointer(unknown))
	return C.GoString(unknown)
}

// platformVersion is what the client's platform says about its version.
func (p *table) platformVersion(client uintptr) string {
	var version *C.char
	var size C.size_t
	if err := check("platform version", C.mt_platform_version_of(C.int(p.slot), handle(client), &version, &size)); err != nil {
		return "version unknown"
	}
	return C.GoStringN(version, C.int(size))
}

// The calls below read a compiled program; executable is a PJRT_Executable that the caller keeps alive.

func (p *table) memory(executable uintptr) (Memory, error) {
	var b [C.MT_MEM_FIELDS]C.int64_t
	if err := check("memory statistics", C.mt_memory_of(C.int(p.slot), handle(executable), &b[0])); err != nil {
		return Memory{}, err
	}
	return Memory{
		Arguments: int64(b[C.MT_MEM_ARGUMENTS]), Outputs: int64(b[C.MT_MEM_OUTPUTS]),
		Temporaries: int64(b[C.MT_MEM_TEMPORARIES]), Aliased: int64(b[C.MT_MEM_ALIASED]),
		Code: int64(b[C.MT_MEM_CODE]), Peak: int64(b[C.MT_MEM_PEAK]),
	}, nil
}

// deviceMemory asks the allocator of an addressable device of a client.
func (p *table) deviceMemory(client uintptr, device int) (DeviceMemory, error) {
	used, peak := C.int64_t(0), C.int64_t(-1)
	failure := C.mt_device_memory_of(C.int(p.slot), handle(client), C.size_t(device), &used, &peak)
	return DeviceMemory{Used: int64(used), Peak: int64(peak)}, check("memory of a device", failure)
}

func (p *table) cost(executable uintptr) (map[string]float64, error) {
	var values *C.mt_named_value
	var count C.size_t
	if err := check("cost analysis", C.mt_cost_of(C.int(p.slot), handle(executable), &values, &count)); err != nil {
		return nil, err
	}
	costs := map[string]float64{}
	for _, v := range unsafe.Slice(values, int(count)) {
		var ok C.bool
		x := C.mt_number(&v, &ok)
		if ok {
			costs[C.GoStringN(v.name, C.int(v.name_size))] = float64(x)
		}
	}
	return costs, nil
}

func (p *table) optimized(executable uintptr) (format string, program []byte, err error) {
	var code *C.char
	var size C.size_t
	var f [64]C.char
	if err := check("optimized program", C.mt_optimized_of(C.int(p.slot), handle(executable), &code, &size, &f[0])); err != nil {
		return "", nil, err
	}
	defer C.free(unsafe.Pointer(code))
	return C.GoString(&f[0]), C.GoBytes(unsafe.Pointer(code), C.int(size)), nil
}

// devices describes the client's devices, a line each.
func (p *table) devices(client uintptr) []string {
	var all []string
	for {
		text := C.mt_device_of(C.int(p.slot), handle(client), C.size_t(len(all)))
		if text == nil {
			return all
		}
		all = append(all, C.GoString(text))
		C.free(unsafe.Pointer(text))
	}
}

// serialized is the program as the plugin can load it again.
func (p *table) serialized(executable uintptr) ([]byte, error) {
	var bytes *C.char
	var size C.size_t
	if err := check("serialize", C.mt_serialize_of(C.int(p.slot), handle(executable), &bytes, &size)); err != nil {
		return nil, err
	}
	defer C.free(unsafe.Pointer(bytes))
	return append([]byte(nil), unsafe.Slice((*byte)(unsafe.Pointer(bytes)), int(size))...), nil
}

// stragglers is how many devices of the client still run a program whose execution has failed.
func (p *table) stragglers(client uintptr) int {
	return int(C.mt_stragglers(C.int(p.slot), handle(client)))
}

func (p *table) startTrace() error {
	switch C.mt_trace_start(C.int(p.slot)) {
	case 1:
		return nil
	case 0:
		return &Error{Op: "trace", Code: Unimplemented, Msg: "only this project's own CPU plugin tells what it runs: mocotpu setup cpu, and --backend=cpu"}
	}
	return &Error{Op: "trace", Code: failedPrecondition, Msg: "something else in this process records a trace"}
}

func (p *table) stopTrace() (string, error) {
	text := C.mt_trace_stop(C.int(p.slot))
	if text == nil {
		return "", &Error{Op: "trace", Code: ResourceExhausted, Msg: "no memory for what was recorded: trace fewer steps"}
	}
	defer C.free(unsafe.Pointer(text))
	return C.GoString(text), nil
}

func (p *table) executing() Executing {
	var programs, arguments, nanoseconds C.int64_t
	C.mt_executing(C.int(p.slot), &programs, &arguments, &nanoseconds)
	return Executing{Programs: int64(programs), Arguments: int64(arguments), Time: time.Duration(nanoseconds)}
}

func (p *table) release(executable uintptr) error {
	return check("destroy executable", C.mt_release(C.int(p.slot), handle(executable)))
}

// handle gives C its own pointer back.
func handle(executable uintptr) unsafe.Pointer {
	return *(*unsafe.Pointer)(unsafe.Pointer(&executable))
}

// check makes an error of a failed call and frees its text.
func check(op string, f C.mt_failure) error {
	if f.text == nil {
		return nil
	}
	defer C.free(unsafe.Pointer(f.text))
	return &Error{Op: op, Code: Code(f.code), Msg: C.GoString(f.text)}
}
