package xla

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// structs pairs our argument structs with PJRT's, and their fields in our order with PJRT's names.
var structs = []struct {
	ours, theirs string
	fields       string // ours=theirs, or one name for both
}{
	{"mt_version", "PJRT_Api_Version", "major=major_version minor=minor_version"},
	{"mt_error_destroy", "PJRT_Error_Destroy_Args", "error"},
	{"mt_error_message", "PJRT_Error_Message_Args", "error message message_size"},
	{"mt_error_code", "PJRT_Error_GetCode_Args", "error code"},
	{"mt_client_create", "PJRT_Client_Create_Args", "options=create_options num_options client " +
		"kv_get=kv_get_callback kv_get_arg=kv_get_user_arg kv_put=kv_put_callback kv_put_arg=kv_put_user_arg " +
		"kv_try_get=kv_try_get_callback kv_try_get_arg=kv_try_get_user_arg"},
	{"mt_kv_get", "PJRT_KeyValueGetCallback_Args", "key key_size timeout_ms=timeout_in_ms fail=callback_error arg=user_arg " +
		"value value_size free_value=value_deleter_callback"},
	{"mt_kv_try_get", "PJRT_KeyValueTryGetCallback_Args", "key key_size fail=callback_error arg=user_arg " +
		"value value_size free_value=value_deleter_callback"},
	{"mt_kv_put", "PJRT_KeyValuePutCallback_Args", "key key_size value value_size fail=callback_error arg=user_arg"},
	{"mt_client_destroy", "PJRT_Client_Destroy_Args", "client"},
	{"mt_platform_name", "PJRT_Client_PlatformName_Args", "client name=platform_name name_size=platform_name_size"},
	{"mt_process_index", "PJRT_Client_ProcessIndex_Args", "client process=process_index"},
	{"mt_client_devices", "PJRT_Client_Devices_Args", "client devices count=num_devices"},
	{"mt_client_devices", "PJRT_Client_AddressableDevices_Args", "client devices=addressable_devices count=num_addressable_devices"},
	{"mt_default_assignment", "PJRT_Client_DefaultDeviceAssignment_Args", "client replicas=num_replicas partitions=num_partitions " +
		"size=default_assignment_size ids=default_assignment"},
	{"mt_description_id", "PJRT_DeviceDescription_Id_Args", "description=device_description id"},
	{"mt_description_text", "PJRT_DeviceDescription_Kind_Args", "description=device_description text=device_kind text_size=device_kind_size"},
	{"mt_description_text", "PJRT_DeviceDescription_DebugString_Args", "description=device_description text=debug_string text_size=debug_string_size"},
	{"mt_device_description", "PJRT_Device_GetDescription_Args", "device description=device_description"},
	{"mt_device_addressable", "PJRT_Device_IsAddressable_Args", "device addressable=is_addressable"},
	{"mt_device_id", "PJRT_Device_LocalHardwareId_Args", "device id=local_hardware_id"},
	{"mt_platform_version", "PJRT_Client_PlatformVersion_Args", "client version=platform_version version_size=platform_version_size"},
	{"mt_program", "PJRT_Program", "code code_size format format_size"},
	{"mt_client_compile", "PJRT_Client_Compile_Args", "client program options=compile_options options_size=compile_options_size loaded=executable"},
	{"mt_get_executable", "PJRT_LoadedExecutable_GetExecutable_Args", "loaded=loaded_executable executable"},
	{"mt_loaded_destroy", "PJRT_LoadedExecutable_Destroy_Args", "loaded=executable"},
	{"mt_executable_destroy", "PJRT_Executable_Destroy_Args", "executable"},
	{"mt_execute", "PJRT_LoadedExecutable_Execute_Args", "loaded=executable options arguments=argument_lists num_devices num_args " +
		"outputs=output_lists complete=device_complete_events device=execute_device"},
	{"mt_execute_options", "PJRT_ExecuteOptions", "send_callbacks recv_callbacks num_send_ops num_recv_ops launch_id"},
	{"mt_event_await", "PJRT_Event_Await_Args", "event"},
	{"mt_event_destroy", "PJRT_Event_Destroy_Args", "event"},
	{"mt_event_on_ready", "PJRT_Event_OnReady_Args", "event callback argument=user_arg"},
	{"mt_num_outputs", "PJRT_Executable_NumOutputs_Args", "executable count=num_outputs"},
	{"mt_buffer_destroy", "PJRT_Buffer_Destroy_Args", "buffer"},
	{"mt_optimized_program", "PJRT_Executable_OptimizedProgram_Args", "executable program"},
	{"mt_serialize", "PJRT_Executable_Serialize_Args", "executable bytes=serialized_bytes size=serialized_bytes_size " +
		"serialized=serialized_executable free_serialized=serialized_executable_deleter"},
	{"mt_deserialize", "PJRT_Executable_DeserializeAndLoad_Args", "client bytes=serialized_executable size=serialized_executable_size " +
		"loaded=loaded_executable options=overridden_serialized_compile_options options_size=overridden_serialized_compile_options_size"},
	{"mt_named_value", "PJRT_NamedValue", "name name_size type text=string_value integer=int64_value real=float_value truth=bool_value value_size"},
	{"mt_cost_analysis", "PJRT_Executable_GetCostAnalysis_Args", "executable count=num_properties values=properties"},
	{"mt_topology_create", "PJRT_TopologyDescription_Create_Args", "name=topology_name name_size=topology_name_size " +
		"options=create_options num_options topology"},
	{"mt_topology_destroy", "PJRT_TopologyDescription_Destroy_Args", "topology"},
	{"mt_topology_platform", "PJRT_TopologyDescription_PlatformVersion_Args", "topology name=platform_version name_size=platform_version_size"},
	{"mt_topology_platform", "PJRT_TopologyDescription_PlatformName_Args", "topology name=platform_name name_size=platform_name_size"},
	{"mt_topology_devices", "PJRT_TopologyDescription_GetDeviceDescriptions_Args", "topology descriptions count=num_descriptions"},
	{"mt_compile", "PJRT_Compile_Args", "topology program options=compile_options options_size=compile_options_size client executable"},
	{"mt_device_memory", "PJRT_Device_MemoryStats_Args", "device used=bytes_in_use peak=peak_bytes_in_use has_peak=peak_bytes_in_use_is_set"},
	{"mt_memory_stats", "PJRT_Executable_GetCompiledMemoryStats_Args", "executable bytes[MT_MEM_CODE]=generated_code_size_in_bytes " +
		"bytes[MT_MEM_ARGUMENTS]=argument_size_in_bytes bytes[MT_MEM_OUTPUTS]=output_size_in_bytes bytes[MT_MEM_ALIASED]=alias_size_in_bytes " +
		"bytes[MT_MEM_TEMPORARIES]=temp_size_in_bytes bytes[MT_MEM_PEAK]=peak_memory_in_bytes"},
}

// Our declarations of the PJRT API agree with the header that go-xla brings: the C compiler compares every offset.
func TestABI(t *testing.T) {
	dir, err := exec.Command("go", "list", "-f", "{{.Dir}}", "github.com/gomlx/go-xla/pjrt").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	header := filepath.Join(strings.TrimSpace(string(dir)), "pjrt_c_api.h")
	ours, err := filepath.Abs("abi.h")
	if err != nil {
		t.Fatal(err)
	}
	var c strings.Builder
	fmt.Fprintf(&c, "#include %q\n#include %q\n", header, ours)
	same := func(a, b string) { fmt.Fprintf(&c, "_Static_assert(%s == %s, \"%s\");\n", a, b, b) }
	for _, s := range structs {
		for _, f := range append(strings.Fields(s.fields), "struct_size", "extension=extension_start") {
			a, b, ok := strings.Cut(f, "=")
			if !ok {
				b = a
			}
			same(fmt.Sprintf("offsetof(%s, %s)", s.ours, a), fmt.Sprintf("offsetof(%s, %s)", s.theirs, b))
		}
		if s.ours != "mt_execute_options" { // the only one that is never made here
			fmt.Fprintf(&c, "_Static_assert(sizeof(%s) >= %s_STRUCT_SIZE, \"size of %s\");\n", s.ours, s.theirs, s.theirs)
		}
	}
	text, err := os.ReadFile(ours)
	if err != nil {
		t.Fatal(err)
	}
	functions := regexp.MustCompile(`X\(([A-Z]\w+)\)`).FindAllStringSubmatch(string(text), -1)
	if len(functions) < 90 {
		t.Fatalf("got %d functions in abi.h", len(functions))
	}
	for _, f := range functions {
		same(fmt.Sprintf("offsetof(mt_api, fn) + MT_%s * sizeof(void*)", f[1]), fmt.Sprintf("offsetof(PJRT_Api, PJRT_%s)", f[1]))
	}
	same("offsetof(mt_api, version)", "offsetof(PJRT_Api, pjrt_api_version)")
	c.WriteString("_Static_assert(sizeof(mt_api) >= PJRT_Api_STRUCT_SIZE, \"room for every function go-xla calls\");\n")
	file := filepath.Join(t.TempDir(), "abi.c")
	if err := os.WriteFile(file, []byte(c.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	compiler := os.Getenv("CC")
	if compiler == "" {
		compiler = "cc"
	}
	if out, err := exec.Command(compiler, "-fsyntax-only", file).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
