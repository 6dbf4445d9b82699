// Errors, the plugin itself, and events.

#include "handles.h"

namespace {

void Fn_PJRT_Error_Destroy(PJRT_Error_Destroy_Args* args) {
  if (args != nullptr) delete args->error;
}

void Fn_PJRT_Error_Message(PJRT_Error_Message_Args* args) {
  const absl::string_view m = args->error ? args->error->status.message() : "";
  args->message = m.data();
  args->message_size = m.size();
}

FN(PJRT_Error_GetCode) {
  args->code = args->error ? static_cast<PJRT_Error_Code>(args->error->status.code())
                           : PJRT_Error_Code_OK;
  return absl::OkStatus();
}

FN(PJRT_Plugin_Initialize) { return absl::OkStatus(); }

FN(PJRT_Plugin_Attributes) {
  static const NamedValues* attributes = [] {
    auto* a = new NamedValues();
    a->Add("xla_version", int64_t{2});
    // What TensorFlow 2.21.0 reads and writes; it has no accessor for these.
    a->Add("stablehlo_current_version", std::vector<int64_t>{1, 13, 7});
    a->Add("stablehlo_minimum_version", std::vector<int64_t>{0, 9, 0});
    return a;
  }();
  args->attributes = attributes->values.data();
  args->num_attributes = attributes->values.size();
  return absl::OkStatus();
}

FN(PJRT_Event_Destroy) {
  delete args->event;
  return absl::OkStatus();
}

FN(PJRT_Event_Await) {
  RETURN_IF_ERROR(NotNull(args->event, "event"));
  return args->event->future.Await();
}

FN(PJRT_Event_IsReady) {
  RETURN_IF_ERROR(NotNull(args->event, "event"));
  args->is_ready = args->event->future.IsReady();
  return absl::OkStatus();
}

// The callback owns its error; it may be called before this returns.
FN(PJRT_Event_OnReady) {
  RETURN_IF_ERROR(NotNull(args->event, "event"));
  if (args->callback == nullptr) return absl::InvalidArgumentError("callback is null");
  args->event->future.OnReady([callback = args->callback, user_arg = args->user_arg](const absl::Status& status) {
    callback(ToError(status), user_arg);
  });
  return absl::OkStatus();
}

}  // namespace
