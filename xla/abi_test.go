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
	{"mt_client_create", "PJRT_Client_Create_Args", "options=create_options num_options client"},
	{"mt_platform_version", "PJRT_Client_PlatformVersion_Args", "client version=platform_version version_size=platform_version_size"},
	{"mt_program", "PJRT_Program", "code code_size format format_size"},
	{"mt_client_compile", "PJRT_Client_Compile_Args", "client program options=compile_options options_size=compile_options_size loaded=executable"},
	{"mt_get_executable", "PJRT_LoadedExecutable_GetExecutable_Args", "loaded=loaded_executable executable"},
	{"mt_executable_destroy", "PJRT_Executable_Destroy_Args", "executable"},
	{"mt_optimized_program", "PJRT_Executable_OptimizedProgram_Args", "executable program"},
	{"mt_named_value", "PJRT_NamedValue", "name name_size type text=string_value integer=int64_value real=float_value truth=bool_value value_size"},
	{"mt_cost_analysis", "PJRT_Executable_GetCostAnalysis_Args", "executable count=num_properties values=properties"},
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
		if s.ours != "mt_client_create" { // the only one that is never made here
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
