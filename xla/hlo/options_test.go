package hlo

import (
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/mocotpu/mocotpu/xla/internal/hlopb"
)

// Options are spread over devices; what this package knows nothing of stays in them.
func TestSpreadOptions(t *testing.T) {
	build := protowire.AppendVarint(protowire.AppendTag(nil, 4, protowire.VarintType), 1)
	build = protowire.AppendVarint(protowire.AppendTag(build, 5, protowire.VarintType), 2)
	build = protowire.AppendString(protowire.AppendTag(build, 77, protowire.BytesType), "unknown")
	options := protowire.AppendBytes(protowire.AppendTag(nil, 3, protowire.BytesType), build)
	spread, err := Spread(options, []int64{0, 2048, 4096})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := Devices(spread); n != 3 || err != nil {
		t.Errorf("for %d devices, %v, want 3", n, err)
	}
	var p hlopb.CompileOptionsProto
	if err := proto.Unmarshal(spread, &p); err != nil {
		t.Fatal(err)
	}
	b := p.ExecutableBuildOptions
	var ids []int64
	for _, d := range b.DeviceAssignment.ComputationDevices {
		ids = append(ids, d.ReplicaDeviceIds...)
	}
	if b.DeviceAssignment.ReplicaCount != 1 || b.DeviceAssignment.ComputationCount != 3 || len(ids) != 3 || ids[1] != 2048 || ids[2] != 4096 {
		t.Errorf("assigned to %v", b.DeviceAssignment)
	}
	if _, _, n := protowire.ConsumeField(b.ProtoReflect().GetUnknown()); n != len("unknown")+3 {
		t.Errorf("unknown fields are %q, want the one there was", b.ProtoReflect().GetUnknown())
	}
	if _, err := Spread([]byte{0xff}, nil); err == nil {
		t.Error("no error for what are no options")
	}
}
