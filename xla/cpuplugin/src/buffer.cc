// Buffers: from the host, to the host, between devices.

#include "handles.h"

namespace {

using Semantics = xla::PjRtClient::HostBufferSemantics;

absl::StatusOr<Semantics> ToSemantics(PJRT_HostBufferSemantics semantics) {
  switch (semantics) {
    case PJRT_HostBufferSemantics_kImmutableOnlyDuringCall:
      return Semantics::kImmutableOnlyDuringCall;
    case PJRT_HostBufferSemantics_kImmutableUntilTransferCompletes:
      return Semantics::kImmutableUntilTransferCompletes;
    case PJRT_HostBufferSemantics_kImmutableZeroCopy:
      return Semantics::kImmutableZeroCopy;
    case PJRT_HostBufferSemantics_kMutableZeroCopy:
      return Semantics::kMutableZeroCopy;
  }
  return absl::InvalidArgumentError(absl::StrCat("unknown host_buffer_semantics ", semantics));
}

FN(PJRT_Client_BufferFromHostBuffer) {
  ASSIGN_OR_RETURN(auto* client, Get(args->client));
  if (args->num_byte_strides != 0 || args->memory != nullptr) {
    return absl::UnimplementedError("byte_strides and memory are not implemented");
  }
  ASSIGN_OR_RETURN(xla::Shape shape, DeviceShape(client, args->type, args->dims, args->num_dims,
                                                 args->device_layout));
  ASSIGN_OR_RETURN(auto* memory, MemoryOf(args->client, args->device));
  if (xla::ShapeUtil::ElementsIn(shape) > 0) RETURN_IF_ERROR(NotNull(args->data, "data"));
  ASSIGN_OR_RETURN(const Semantics semantics, ToSemantics(args->host_buffer_semantics));
  // An empty array may come with a null pointer, which XLA need not accept.
  static const char kNothing[64] = {};
  const void* data = args->data != nullptr ? args->data : kNothing;
  auto [promise, done] = xla::MakePromise<>();
  ASSIGN_OR_RETURN(
      PJRT_Buffer * buffer,
      NewBuffer(args->client,
                client->BufferFromHostBuffer(
                    data, shape.element_type(), shape.dimensions(), std::nullopt, semantics,
                    [promise = std::move(promise)]() mutable { promise.Set(); }, memory,
                    args->device_layout != nullptr ? &shape.layout() : nullptr)));
  args->done_with_host_buffer = NewEvent(std::move(done));
  args->buffer = buffer;
  return absl::OkStatus();
}

// The memory stays the caller's; XLA wants it aligned to 64 bytes.
FN_TO(PJRT_Client_CreateViewOfDeviceBuffer, buffer) {
  ASSIGN_OR_RETURN(auto* client, Get(args->client));
  ASSIGN_OR_RETURN(xla::Shape shape, DeviceShape(client, args->element_type, args->dims,
                                                 args->num_dims, args->layout));
  ASSIGN_OR_RETURN(auto* memory, MemoryOf(args->client, args->device));
  if (xla::ShapeUtil::ElementsIn(shape) > 0) {
    RETURN_IF_ERROR(NotNull(args->device_buffer_ptr, "device_buffer_ptr"));
  }
  std::function<void()> on_delete = [] {};
  if (args->on_delete_callback != nullptr) {
    on_delete = [callback = args->on_delete_callback, ptr = args->device_buffer_ptr,
                 user_arg = args->on_delete_callback_arg] { callback(ptr, user_arg); };
  }
  ASSIGN_OR_RETURN(args->buffer,
                   NewBuffer(args->client, client->CreateViewOfDeviceBuffer(
                                               args->device_buffer_ptr, shape, memory,
                                               std::move(on_delete), std::nullopt)));
  return absl::OkStatus();
}

FN(PJRT_Buffer_Destroy) {
  delete args->buffer;
  return absl::OkStatus();
}

FN(PJRT_Buffer_ElementType) {
  ASSIGN_OR_RETURN(auto* b, Get(args->buffer));
  args->type = ToC(b->element_type());
  return absl::OkStatus();
}

FN(PJRT_Buffer_Dimensions) {
  ASSIGN_OR_RETURN(auto* b, Get(args->buffer));
  const absl::Span<const int64_t> dims = b->dimensions();
  args->dims = dims.data();
  args->num_dims = dims.size();
  return absl::OkStatus();
}

FN(PJRT_Buffer_Device) {
  ASSIGN_OR_RETURN(auto* b, Get(args->buffer));
  args->device = args->buffer->client->Find(b->device());
  return NotNull(args->device, "the buffer's device");
}

FN(PJRT_Buffer_CopyToDevice) {
  ASSIGN_OR_RETURN(auto* b, Get(args->buffer));
  PJRT_Client* client = args->buffer->client.get();
  ASSIGN_OR_RETURN(auto* memory, MemoryOf(client, args->dst_device));
  ASSIGN_OR_RETURN(args->dst_buffer, NewBuffer(client, b->CopyToMemorySpace(memory)));
  return absl::OkStatus();
}

// With dst null: only tells the size.
FN(PJRT_Buffer_ToHostBuffer) {
  ASSIGN_OR_RETURN(auto* b, Get(args->src));
  if (!b->on_device_shape().IsArray()) {
    return absl::InvalidArgumentError("only array buffers can be copied to the host");
  }
  std::vector<int64_t> dims(b->dimensions().begin(), b->dimensions().end());
  if (b->has_dynamic_dimensions()) {
    ASSIGN_OR_RETURN(dims, b->logical_dimensions());
  }
  xla::Layout layout(b->layout()->xla_layout().minor_to_major());
  if (args->host_layout != nullptr) {
    ASSIGN_OR_RETURN(layout, ToLayout(*args->host_layout, dims.size()));
  }
  ASSIGN_OR_RETURN(xla::Shape shape, xla::ShapeUtil::MakeValidatedShapeWithDenseLayout(
                                         b->element_type(), dims, layout.minor_to_major()));
  const size_t size = xla::ShapeUtil::ByteSizeOfElements(shape);
  if (args->dst == nullptr) {
    args->dst_size = size;
    args->event = size == 0 ? NewEvent(absl::OkStatus()) : nullptr;  // 0: a copy of nothing, too
    return absl::OkStatus();
  }
  if (args->dst_size < size) {
    return absl::InvalidArgumentError(
        absl::StrFormat("dst_size is %d, the buffer takes %d bytes", args->dst_size, size));
  }
  auto literal =
      std::make_shared<xla::MutableBorrowingLiteral>(static_cast<const char*>(args->dst), shape);
  xla::Future<> done = b->ToLiteral(literal.get());
  done.OnReady([literal](const absl::Status&) {});  // keeps it alive until then
  args->event = NewEvent(std::move(done));
  return absl::OkStatus();
}

FN(PJRT_Buffer_UnsafePointer) {
  ASSIGN_OR_RETURN(auto* b, Get(args->buffer));
  // On CPU callers read through the pointer at once: the data must be there.
  RETURN_IF_ERROR(b->GetReadyFuture().Await());
  ASSIGN_OR_RETURN(args->buffer_pointer, b->client()->UnsafeBufferPointer(b));
  return absl::OkStatus();
}

// This XLA cannot reinterpret a buffer: the new one is a copy of its bytes.
FN(PJRT_Buffer_Bitcast) {
  ASSIGN_OR_RETURN(auto* b, Get(args->buffer));
  PJRT_Client* client = args->buffer->client.get();
  ASSIGN_OR_RETURN(xla::Shape shape,
                   DeviceShape(client->xla.get(), args->element_type, args->dims, args->num_dims,
                               args->device_layout));
  ASSIGN_OR_RETURN(const size_t size, b->GetOnDeviceSizeInBytes());
  const size_t new_size = xla::ShapeUtil::ByteSizeOf(shape);
  if (size != new_size || b->has_dynamic_dimensions()) {
    return absl::InvalidArgumentError(
        absl::StrFormat("cannot bitcast %s of %d bytes to %s of %d bytes",
                        b->on_device_shape().ToString(), size, shape.ToString(), new_size));
  }
  std::shared_ptr<void> storage(
      std::aligned_alloc(64, (std::max<size_t>(size, 1) + 63) / 64 * 64), std::free);
  if (storage == nullptr) return absl::ResourceExhaustedError("out of host memory");
  if (size > 0) RETURN_IF_ERROR(b->CopyRawToHost(storage.get(), 0, size).Await());
  ASSIGN_OR_RETURN(args->out_buffer,
                   NewBuffer(client, client->xla->CreateViewOfDeviceBuffer(
                                         storage.get(), shape, b->memory_space(), [storage] {},
                                         std::nullopt)));
  return absl::OkStatus();
}

}  // namespace
