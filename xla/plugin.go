package xla

// A plugin is what an engine asks the PJRT plugin behind it; executables and clients are PJRT's. A build without cgo has
// none.
type plugin interface {
	// environment is that in which it was opened, as far as compilers read it.
	environment() string
	// devices describes a client's devices, a line each.
	devices(client uintptr) []string
	// allDevices lists a client's devices, those of other processes included, in the order of their places. own is the number
	// that the plugin has for this process.
	allDevices(client uintptr) (all []known, own int, err error)
	// stragglers is how many devices of a client still run a program whose execution has failed.
	stragglers(client uintptr) int
	// startTrace begins to record the operations that programs run in this process.
	startTrace() error
	// stopTrace returns what was recorded since, a line for each mark.
	stopTrace() (string, error)
	// executing is what was executed so far by all clients.
	executing() Executing
	// deviceMemory is what the allocator of an addressable device of a client says.
	deviceMemory(client uintptr, device int) (DeviceMemory, error)

	memory(executable uintptr) (Memory, error)
	cost(executable uintptr) (map[string]float64, error)
	optimized(executable uintptr) (format string, program []byte, err error)
	// serialized is the program as the plugin can load it again.
	serialized(executable uintptr) ([]byte, error)
	release(executable uintptr) error
}
