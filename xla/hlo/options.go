package hlo

import "fmt"

// Devices returns for how many devices serialized compile options (a CompileOptionsProto) ask: replicas x partitions.
func Devices(options []byte) (int, error) {
	replicas, partitions := uint64(1), uint64(1)
	err := fields(options, func(f field) error {
		if f.num != 3 || !f.isBytes { // the ExecutableBuildOptionsProto
			return nil
		}
		return fields(f.bytes, func(f field) error {
			switch f.num {
			case 4:
				replicas = max(1, f.varint)
			case 5:
				partitions = max(1, f.varint)
			}
			return nil
		})
	})
	if err != nil {
		return 0, fmt.Errorf("hlo: compile options: %w", err)
	}
	if replicas > maxDevices || partitions > maxDevices || replicas*partitions > maxDevices {
		return 0, fmt.Errorf("hlo: compile options: %d replicas and %d partitions, want at most %d devices", replicas, partitions, maxDevices)
	}
	return int(replicas * partitions), nil
}
