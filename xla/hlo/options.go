package hlo

import (
	"fmt"

	"github.com/mocotpu/mocotpu/xla/internal/hlopb"
)

// Devices returns for how many devices serialized compile options (a CompileOptionsProto) ask: replicas x partitions.
func Devices(options []byte) (int, error) {
	var p hlopb.CompileOptionsProto
	if err := lenient.Unmarshal(options, &p); err != nil {
		return 0, fmt.Errorf("hlo: compile options: %w", err)
	}
	build := p.GetExecutableBuildOptions()
	replicas, partitions := max(1, build.GetNumReplicas()), max(1, build.GetNumPartitions())
	if replicas > maxDevices/partitions {
		return 0, fmt.Errorf("hlo: compile options: %d replicas and %d partitions, want at most %d devices", replicas, partitions, maxDevices)
	}
	return int(replicas * partitions), nil
}
