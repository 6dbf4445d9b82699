package xla_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/janpfeifer/must"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/internal/hlopb"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// What an H100 multiplies, by the compiled program: convolutions of float32 in float32, or with operands rounded to TF32 where that
// is asked for; those of bfloat16 in bfloat16; the product with a parameter in float32 whatever is asked for. No product has an
// algorithm set, which would be another way to round: sums of float32 are float32. How cuDNN adds up bfloat16 is not in a program.
func TestGPUPrecision(t *testing.T) {
	xlatest.CUDACompiler(t)
	target := string(must.M1(os.ReadFile("../tpu/nvidia/testdata/h100.txtpb")))
	for _, tf32 := range []bool{false, true} {
		e := must.M1(xla.OpenGPUs(target, 1, 1, xla.Options{TF32: tf32}))
		store := model.NewStore()
		exec := must.M1(model.NewExec(e, store, func(scope *model.Scope, x, k *Node) *Node {
			half := func(n *Node) *Node { return ConvertDType(n, dtypes.BFloat16) }
			y := Convolve(x, k).PadSame().Done()
			y = Add(y, ConvertDType(Convolve(half(x), half(k)).PadSame().Done(), dtypes.Float32))
			w := scope.WithInitializer(func(g *Graph, s shapes.Shape) *Node { return Ones(g, s) }).VariableWithShape("w", shapes.Make(dtypes.Float32, 16*16*64, 128))
			return Dot(Reshape(y, 8, -1), w.NodeValue(x.Graph())).Product()
		}))
		must.M1(exec.Compile(shapes.Make(dtypes.Float32, 8, 16, 16, 64), shapes.Make(dtypes.Float32, 3, 3, 64, 64)))
		all := e.Programs()
		_, data := must.M2(all[len(all)-1].Serialized())
		want := []string{"BF16 convolution [] 0", "F32 convolution [2 2] 0", "F32 dot [2 2] 0"}
		if tf32 {
			want[1] = "F32 convolution [] 0"
		}
		if got := products(t, data); !slices.Equal(got, want) {
			t.Errorf("tf32 %t: got %q, want %q", tf32, got, want)
		}
		e.Close()
	}
}

// products are a program's, with the type of the first operand, the precision of both (2 is HIGHEST, nothing DEFAULT), and the
// algorithm.
func products(t *testing.T, data []byte) (all []string) {
	t.Helper()
	var with hlopb.HloModuleProtoWithConfig
	must.M(proto.Unmarshal(data, &with))
	var m hlopb.HloModuleProto
	must.M(proto.Unmarshal(with.HloModule, &m))
	for _, c := range m.Computations {
		types := map[int64]*hlopb.ShapeProto{}
		for _, i := range c.Instructions {
			types[i.Id] = i.Shape
		}
		for _, i := range c.Instructions {
			name := "dot"
			if strings.HasPrefix(i.CustomCallTarget, "__cudnn$conv") {
				name = "convolution"
			} else if i.Opcode != "dot" {
				continue
			}
			precision, algorithm := precisionConfig(i.ProtoReflect().GetUnknown())
			all = append(all, fmt.Sprintf("%s %s %d %d", types[i.OperandIds[0]].ElementType, name, precision, algorithm))
		}
	}
	slices.Sort(all)
	return all
}

// precisionConfig reads an instruction's precision_config, field 51 of XLA's hlo.proto, of which our copy of it knows nothing.
func precisionConfig(unknown []byte) (operands []uint64, algorithm uint64) {
	for len(unknown) > 0 {
		number, kind, n := protowire.ConsumeTag(unknown)
		size := protowire.ConsumeFieldValue(number, kind, unknown[n:])
		value := unknown[n : n+size]
		unknown = unknown[n+size:]
		if number != 51 {
			continue
		}
		config, _ := protowire.ConsumeBytes(value)
		for len(config) > 0 {
			number, kind, n := protowire.ConsumeTag(config)
			size := protowire.ConsumeFieldValue(number, kind, config[n:])
			value := config[n : n+size]
			config = config[n+size:]
			switch {
			case number == 2:
				algorithm, _ = protowire.ConsumeVarint(value)
			case kind == protowire.BytesType: // packed
				packed, _ := protowire.ConsumeBytes(value)
				for len(packed) > 0 {
					v, n := protowire.ConsumeVarint(packed)
					packed = packed[n:]
					if v > 0 {
						operands = append(operands, v)
					}
				}
			}
		}
	}
	return operands, algorithm
}
