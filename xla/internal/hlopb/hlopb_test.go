package hlopb_test

import (
	"testing"

	_ "github.com/gomlx/go-xla/pjrt" // registers the messages of the XLA that it was made for
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/mocotpu/mocotpu/xla/internal/hlopb"
)

// ours are fields that differ from XLA's on purpose.
var ours = map[protoreflect.Name]string{
	"hlo_module":              "read as bytes, to be handed on whole",
	"iota_replica_group_list": "gone from newer XLA",
}

// Every message, field and enum value of hlo.proto has the number and the type of XLA's of that name.
func TestFieldsAreXLAs(t *testing.T) {
	file := hlopb.File_xla_internal_hlopb_hlo_proto
	fields := compareMessages(t, file.Messages())
	for i := range file.Enums().Len() {
		enum := file.Enums().Get(i)
		theirs := find[protoreflect.EnumDescriptor](t, enum)
		for k := range enum.Values().Len() {
			v := enum.Values().Get(k)
			if same := theirs.Values().ByName(v.Name()); same == nil || same.Number() != v.Number() {
				t.Errorf("%s is %d, XLA's %v", v.FullName(), v.Number(), same)
			}
		}
	}
	if fields < 60 {
		t.Errorf("only %d fields were compared", fields)
	}
}

func compareMessages(t *testing.T, messages protoreflect.MessageDescriptors) (fields int) {
	for i := range messages.Len() {
		m := messages.Get(i)
		if m.IsMapEntry() {
			continue
		}
		theirs := find[protoreflect.MessageDescriptor](t, m)
		for k := range m.Fields().Len() {
			f := m.Fields().Get(k)
			if ours[f.Name()] != "" {
				continue
			}
			fields++
			same := theirs.Fields().ByName(f.Name())
			switch {
			case same == nil:
				t.Errorf("XLA's %s has no field %s", m.Name(), f.Name())
			case same.Number() != f.Number() || same.Kind() != f.Kind() || same.Cardinality() != f.Cardinality() || same.IsPacked() != f.IsPacked() || same.IsMap() != f.IsMap():
				t.Errorf("%s: field %d of kind %s, %s; XLA's is %d of %s, %s", f.FullName(), f.Number(), f.Kind(), f.Cardinality(), same.Number(), same.Kind(), same.Cardinality())
			case f.Message() != nil && !f.IsMap() && same.Message().Name() != f.Message().Name():
				t.Errorf("%s is a %s, XLA's a %s", f.FullName(), f.Message().Name(), same.Message().Name())
			}
		}
		fields += compareMessages(t, m.Messages())
	}
	return fields
}

// find returns XLA's message or enum of the same name.
func find[D protoreflect.Descriptor](t *testing.T, d protoreflect.Descriptor) D {
	t.Helper()
	name := "xla" + d.FullName()[len("mocotpu.hlo"):]
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(name)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	theirs, ok := found.(D)
	if !ok {
		t.Fatalf("%s is a %T", name, found)
	}
	return theirs
}
