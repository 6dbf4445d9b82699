// The part of XLA's PJRT C API that package xla touches: the order of the function table and the layout of a few
// argument structs. The full header belongs to go-xla and cannot be included by a plain `go install`; a test compiles
// this file against it and compares every offset. Versions are checked at run time: major 0, and a table long enough
// for what is used. Fields are only ever added at the end, so a longer table or struct is fine.
#ifndef MOCOTPU_XLA_ABI_H
#define MOCOTPU_XLA_ABI_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The table's functions in their order, as far as they are named here.
#define MT_FUNCTIONS(X)                                                                                                \
  X(Error_Destroy) X(Error_Message) X(Error_GetCode) X(Plugin_Initialize) X(Plugin_Attributes)                         \
  X(Event_Destroy) X(Event_IsReady) X(Event_Error) X(Event_Await) X(Event_OnReady)                                     \
  X(Client_Create) X(Client_Destroy) X(Client_PlatformName) X(Client_ProcessIndex) X(Client_PlatformVersion)           \
  X(Client_Devices) X(Client_AddressableDevices) X(Client_LookupDevice) X(Client_LookupAddressableDevice)              \
  X(Client_AddressableMemories) X(Client_Compile) X(Client_DefaultDeviceAssignment) X(Client_BufferFromHostBuffer)     \
  X(DeviceDescription_Id) X(DeviceDescription_ProcessIndex) X(DeviceDescription_Attributes)                            \
  X(DeviceDescription_Kind) X(DeviceDescription_DebugString) X(DeviceDescription_ToString)                             \
  X(Device_GetDescription) X(Device_IsAddressable) X(Device_LocalHardwareId) X(Device_AddressableMemories)             \
  X(Device_DefaultMemory) X(Device_MemoryStats)                                                                        \
  X(Memory_Id) X(Memory_Kind) X(Memory_DebugString) X(Memory_ToString) X(Memory_AddressableByDevices)                  \
  X(Executable_Destroy) X(Executable_Name) X(Executable_NumReplicas) X(Executable_NumPartitions)                       \
  X(Executable_NumOutputs) X(Executable_SizeOfGeneratedCodeInBytes) X(Executable_GetCostAnalysis)                      \
  X(Executable_OutputMemoryKinds) X(Executable_OptimizedProgram) X(Executable_Serialize)                               \
  X(LoadedExecutable_Destroy) X(LoadedExecutable_GetExecutable) X(LoadedExecutable_AddressableDevices)                 \
  X(LoadedExecutable_Delete) X(LoadedExecutable_IsDeleted) X(LoadedExecutable_Execute)                                 \
  X(Executable_DeserializeAndLoad) X(LoadedExecutable_Fingerprint)                                                     \
  X(Buffer_Destroy) X(Buffer_ElementType) X(Buffer_Dimensions) X(Buffer_UnpaddedDimensions)                            \
  X(Buffer_DynamicDimensionIndices) X(Buffer_GetMemoryLayout) X(Buffer_OnDeviceSizeInBytes) X(Buffer_Device)           \
  X(Buffer_Memory) X(Buffer_Delete) X(Buffer_IsDeleted) X(Buffer_CopyToDevice) X(Buffer_ToHostBuffer)                  \
  X(Buffer_IsOnCpu) X(Buffer_ReadyEvent) X(Buffer_UnsafePointer) X(Buffer_IncreaseExternalReferenceCount)              \
  X(Buffer_DecreaseExternalReferenceCount) X(Buffer_OpaqueDeviceMemoryDataPointer)                                     \
  X(CopyToDeviceStream_Destroy) X(CopyToDeviceStream_AddChunk) X(CopyToDeviceStream_TotalBytes)                        \
  X(CopyToDeviceStream_GranuleSize) X(CopyToDeviceStream_CurrentBytes)                                                 \
  X(TopologyDescription_Create) X(TopologyDescription_Destroy) X(TopologyDescription_PlatformName)                     \
  X(TopologyDescription_PlatformVersion) X(TopologyDescription_GetDeviceDescriptions)                                  \
  X(TopologyDescription_Serialize) X(TopologyDescription_Attributes) X(Compile)                                        \
  X(Executable_OutputElementTypes) X(Executable_OutputDimensions) X(Buffer_CopyToMemory)                               \
  X(Client_CreateViewOfDeviceBuffer) X(Executable_Fingerprint) X(Client_TopologyDescription)                           \
  X(Executable_GetCompiledMemoryStats)

enum {
#define MT_INDEX(name) MT_##name,
  MT_FUNCTIONS(MT_INDEX)
#undef MT_INDEX
  MT_NAMED,           // how many are named here: a plugin must have them all
  MT_CAPACITY = 256,  // how many our copy has room for: go-xla may call any that its header knows
};

typedef struct { size_t struct_size; void* extension; int major, minor; } mt_version;
typedef struct { size_t struct_size; void* extension; mt_version version; void* fn[MT_CAPACITY]; } mt_api;

// Every struct starts with its size and a list of extensions, then the fields.
typedef struct { size_t struct_size; void* extension; void* error; } mt_error_destroy;
typedef struct { size_t struct_size; void* extension; const void* error; const char* message; size_t message_size; } mt_error_message;
typedef struct { size_t struct_size; void* extension; const void* error; int code; } mt_error_code;
typedef struct {
  size_t struct_size; void* extension;
  const void* options; size_t num_options;
  void *kv_get, *kv_get_arg, *kv_put, *kv_put_arg;
  void* client;
  void *kv_try_get, *kv_try_get_arg;
} mt_client_create;
// Makes an error of the plugin's: what a callback that fails returns.
typedef void* (*mt_callback_error)(int code, const char* text, size_t size);
typedef struct {
  size_t struct_size; void* extension;
  const char* key; size_t key_size; int timeout_ms; mt_callback_error* fail; void* arg;
  char* value; size_t value_size; void (*free_value)(char*);
} mt_kv_get;
typedef struct {
  size_t struct_size; void* extension;
  const char* key; size_t key_size; mt_callback_error* fail; void* arg;
  char* value; size_t value_size; void (*free_value)(char*);
} mt_kv_try_get;
typedef struct {
  size_t struct_size; void* extension;
  const char* key; size_t key_size; const char* value; size_t value_size; mt_callback_error* fail; void* arg;
} mt_kv_put;
typedef struct { size_t struct_size; void* extension; void* client; } mt_client_destroy;
typedef struct { size_t struct_size; void* extension; void* client; const char* name; size_t name_size; } mt_platform_name;
typedef struct { size_t struct_size; void* extension; void* client; const char* version; size_t version_size; } mt_platform_version;
typedef struct { size_t struct_size; void* extension; void* client; int process; } mt_process_index;
typedef struct { size_t struct_size; void* extension; void* client; void* const* devices; size_t count; } mt_client_devices;
typedef struct {
  size_t struct_size; void* extension;
  void* client; int replicas, partitions; size_t size; int* ids;
} mt_default_assignment;
typedef struct { size_t struct_size; void* extension; void* description; int id; } mt_description_id;
typedef struct { size_t struct_size; void* extension; void* description; const char* text; size_t text_size; } mt_description_text;
typedef struct { size_t struct_size; void* extension; void* device; void* description; } mt_device_description;
typedef struct { size_t struct_size; void* extension; void* device; bool addressable; } mt_device_addressable;
typedef struct { size_t struct_size; void* extension; void* device; int id; } mt_device_id;
typedef struct { size_t struct_size; void* extension; char* code; size_t code_size; const char* format; size_t format_size; } mt_program;
typedef struct {
  size_t struct_size; void* extension;
  void* client; mt_program* program; const char* options; size_t options_size;
  void* loaded;
} mt_client_compile;
typedef struct { size_t struct_size; void* extension; void* loaded; void* executable; } mt_get_executable;
typedef struct { size_t struct_size; void* extension; void* loaded; } mt_loaded_destroy;
typedef struct { size_t struct_size; void* extension; void* executable; } mt_executable_destroy;
typedef struct {
  size_t struct_size; void* extension;
  void *loaded, *options; void* const* const* arguments; size_t num_devices, num_args; void** const* outputs; void** complete;
  void* device;
} mt_execute;
typedef struct {
  size_t struct_size; void* extension;
  void *send_callbacks, *recv_callbacks; size_t num_send_ops, num_recv_ops; int launch_id;
} mt_execute_options;
typedef struct { size_t struct_size; void* extension; void* event; } mt_event_await;
typedef struct { size_t struct_size; void* extension; void* event; } mt_event_destroy;
typedef struct {
  size_t struct_size; void* extension;
  void* event; void (*callback)(void* error, void* argument); void* argument;
} mt_event_on_ready;
typedef struct { size_t struct_size; void* extension; void* executable; size_t count; } mt_num_outputs;
typedef struct { size_t struct_size; void* extension; void* buffer; } mt_buffer_destroy;
typedef struct { size_t struct_size; void* extension; void* executable; mt_program* program; } mt_optimized_program;
typedef struct {
  size_t struct_size; void* extension;
  const void* executable; const char* bytes; size_t size;
  void* serialized; void (*free_serialized)(void*);
} mt_serialize;
typedef struct {
  size_t struct_size; void* extension;
  void* client; const char* bytes; size_t size;
  void* loaded;
  const char* options; size_t options_size;
} mt_deserialize;
typedef struct {
  size_t struct_size; void* extension;
  const char* name; size_t name_size; int type;
  union { const char* text; int64_t integer; const int64_t* integers; float real; bool truth; };
  size_t value_size;
} mt_named_value;
enum { MT_STRING, MT_INT64, MT_INT64_LIST, MT_FLOAT, MT_BOOL };
typedef struct { size_t struct_size; void* extension; void* executable; size_t count; const mt_named_value* values; } mt_cost_analysis;
typedef struct {
  size_t struct_size; void* extension;
  const char* name; size_t name_size; const void* options; size_t num_options;
  void* topology;
} mt_topology_create;
typedef struct { size_t struct_size; void* extension; void* topology; } mt_topology_destroy;
typedef struct { size_t struct_size; void* extension; const void* topology; const char* name; size_t name_size; } mt_topology_platform;
typedef struct { size_t struct_size; void* extension; const void* topology; void* const* descriptions; size_t count; } mt_topology_devices;
typedef struct {
  size_t struct_size; void* extension;
  const void* topology; const mt_program* program; const char* options; size_t options_size; void* client;
  void* executable;
} mt_compile;
// Plugins refuse a struct that is shorter than theirs and take a longer one: room for fields to come.
enum { MT_MEM_CODE, MT_MEM_ARGUMENTS, MT_MEM_OUTPUTS, MT_MEM_ALIASED, MT_MEM_TEMPORARIES, MT_MEM_PEAK = 10, MT_MEM_FIELDS = 32 };
typedef struct { size_t struct_size; void* extension; void* executable; int64_t bytes[MT_MEM_FIELDS]; } mt_memory_stats;
typedef struct {
  size_t struct_size; void* extension; void* device;
  int64_t used, peak;
  bool has_peak;
  int64_t room[32];
} mt_device_memory;

#endif
