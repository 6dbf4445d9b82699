package xla

import "fmt"

// DeviceMemory is what the allocator of a device has given out, in bytes.
type DeviceMemory struct {
	Used int64
	Peak int64 // since the engine was opened; -1 where the plugin does not say
}

// DeviceMemory asks the allocator of one of the engine's devices, counted from 0. Engines whose devices use the process's
// memory have none, which is an [*Error] of code [Unimplemented].
func (e *Engine) DeviceMemory(device int) (DeviceMemory, error) {
	if device < 0 || device >= e.devices {
		return DeviceMemory{}, fmt.Errorf("xla: memory of device %d, want 0 to %d", device, e.devices-1)
	}
	if e.plugin == nil {
		return DeviceMemory{}, &Error{Op: "memory of a device", Code: Unimplemented, Msg: "the go engine's memory is the process's"}
	}
	if err := e.enter(); err != nil {
		return DeviceMemory{}, err
	}
	defer e.leave()
	return e.plugin.deviceMemory(e.client, device)
}
