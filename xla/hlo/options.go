package hlo

import (
	"fmt"

	"google.golang.org/protobuf/proto"

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

// Spread returns serialized compile options for one program over the devices with these numbers, a partition each, in
// place of the partitions and devices that the options name. All else in them stays.
func Spread(options []byte, devices []int64) ([]byte, error) {
	var p hlopb.CompileOptionsProto
	if err := proto.Unmarshal(options, &p); err != nil {
		return nil, fmt.Errorf("hlo: compile options: %w", err)
	}
	if p.ExecutableBuildOptions == nil {
		p.ExecutableBuildOptions = &hlopb.ExecutableBuildOptionsProto{}
	}
	assignment := &hlopb.DeviceAssignmentProto{ReplicaCount: 1, ComputationCount: int32(len(devices))}
	for _, d := range devices {
		partition := &hlopb.DeviceAssignmentProto_ComputationDevice{ReplicaDeviceIds: []int64{d}}
		assignment.ComputationDevices = append(assignment.ComputationDevices, partition)
	}
	build := p.ExecutableBuildOptions
	build.NumReplicas, build.NumPartitions, build.DeviceAssignment = 1, int64(len(devices)), assignment
	spread, err := proto.MarshalOptions{Deterministic: true}.Marshal(&p)
	if err != nil {
		return nil, fmt.Errorf("hlo: compile options: %w", err)
	}
	return spread, nil
}
