package xla

/*
#include <stdlib.h>
#include "table.h"
*/
import "C"

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime/cgo"
	"sync/atomic"
	"time"
	"unsafe"
)

// opened counts the engines over several processes that were opened by this one: all processes open them in one order.
var opened atomic.Int64

// share returns the store that the processes share, or none, and gives it to the plugin's next client where that needs one:
// libtpu does not. The caller holds opening.
func (p *table) share(processes *Processes, needed bool) *engineStore {
	C.mt_share(C.int(p.slot), 0)
	if processes == nil {
		return nil
	}
	s := &engineStore{processes.Store, fmt.Sprintf("xla/%d/", opened.Add(1))}
	if !needed {
		return s
	}
	// The handle is kept for good: communicators ask for addresses as long as the client lives.
	C.mt_share(C.int(p.slot), C.uintptr_t(cgo.NewHandle(s)))
	return s
}

//export mocotpuGet
func mocotpuGet(store C.uintptr_t, key *C.char, keySize C.size_t, timeout C.int, value **C.char, valueSize *C.size_t, code *C.int) *C.char {
	s := cgo.Handle(store).Value().(*engineStore)
	v, err := s.Get(C.GoStringN(key, C.int(keySize)), time.Duration(timeout)*time.Millisecond)
	switch {
	case err == nil:
		*value, *valueSize = (*C.char)(C.CBytes(v)), C.size_t(len(v))
		return nil
	case errors.Is(err, context.DeadlineExceeded):
		*code = C.int(DeadlineExceeded)
	case errors.Is(err, fs.ErrNotExist):
		*code = C.int(NotFound)
	default:
		*code = C.int(Unavailable)
	}
	return C.CString(err.Error())
}

//export mocotpuPut
func mocotpuPut(store C.uintptr_t, key *C.char, keySize C.size_t, value *C.char, valueSize C.size_t, code *C.int) *C.char {
	s := cgo.Handle(store).Value().(*engineStore)
	err := s.Put(C.GoStringN(key, C.int(keySize)), C.GoBytes(unsafe.Pointer(value), C.int(valueSize)))
	if err != nil {
		*code = C.int(Unavailable)
		return C.CString(err.Error())
	}
	return nil
}

// allDevices lists a client's devices, those of other processes included, in the order of their places. own is the number
// that the plugin has for this process.
func (p *table) allDevices(client uintptr) (all []known, own int, err error) {
	var n C.size_t
	var index C.int
	if err := check("devices", C.mt_devices_of(C.int(p.slot), handle(client), nil, 0, &n, &index)); err != nil {
		return nil, 0, err
	}
	found := make([]C.mt_known_device, int(n)+1)
	if err := check("devices", C.mt_devices_of(C.int(p.slot), handle(client), &found[0], n, &n, &index)); err != nil {
		return nil, 0, err
	}
	all = make([]known, int(n))
	for i := range all {
		all[i] = known{int64(found[i].id), int(found[i].process)}
	}
	sortDevices(all)
	return all, int(index), nil
}
