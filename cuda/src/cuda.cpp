// Two CUDA graphs, one of a function's pass forward and one of its pass back, as a node of libtorch's autograd; and AdamW in one kernel.
//
// Each function here returns null, or a message that the caller frees with ddpm_graph_free_message.

#include <ATen/ATen.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cstring>
#include <optional>
#include <vector>

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

namespace {

struct Recorded;

// Lives as long as the autograd node of a call: until its gradient was taken, or its loss was dropped. The node needs the recording,
// whoever else has let go of it.
struct Pending : torch::CustomClassHolder {
  c10::intrusive_ptr<Recorded> recorded;
  explicit Pending(c10::intrusive_ptr<Recorded> recorded) : recorded(std::move(recorded)) {}
};

struct Recorded : torch::CustomClassHolder {
  c10::DeviceIndex device;
  at::cuda::CUDAGraph forward, backward;
  c10::cuda::CUDAStream stream;
  std::optional<c10::cuda::CUDAStream> outer;
  uint64_t offset = 0;
  // The graphs read and write these very tensors.
  std::vector<Tensor> inputs, gradients;
  Tensor output, output_gradient;
  std::optional<c10::weak_intrusive_ptr<Pending>> pending;

  explicit Recorded(c10::DeviceIndex device)
      : device(device), stream(c10::cuda::getStreamFromPool(false, device)) {}

  bool is_pending() const { return pending && !pending->expired(); }
};

// Of CUDA's default generator: dropout within a graph draws on it.
at::Generator generator(const Recorded& recorded) {
  return at::globalContext().defaultGenerator(at::Device(at::kCUDA, recorded.device));
}

struct Replay : torch::autograd::Function<Replay> {
  static Tensor forward(AutogradContext* context, int64_t address, at::TensorList parameters) {
    auto recorded = c10::intrusive_ptr<Recorded>::reclaim_copy(reinterpret_cast<Recorded*>(address));
    auto pending = c10::make_intrusive<Pending>(recorded);
    recorded->pending.emplace(pending);
    context->saved_data["pending"] = c10::IValue::make_capsule(pending);
    recorded->forward.replay();
    return recorded->output.clone();
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    TORCH_CHECK(!at::GradMode::is_enabled(), "a recorded pass has no second derivative");
    auto recorded = static_cast<Pending*>(context->saved_data["pending"].toCapsule().get())->recorded;
    recorded->output_gradient.copy_(gradients[0]);
    recorded->backward.replay();
    recorded->pending.reset();
    variable_list result{Tensor()};
    for (const Tensor& gradient : recorded->gradients) {
      result.push_back(gradient.defined() ? gradient.detach() : gradient);
    }
    return result;
  }
};

template <typename F>
char* caught(F f) {
  try {
    f();
    return nullptr;
  } catch (const std::exception& error) {
    return strdup(error.what());
  } catch (...) {
    return strdup("an error of unknown kind");
  }
}

void copy_inputs(Recorded* recorded, Tensor** inputs, size_t n) {
  at::NoGradGuard no_grad;
  for (size_t i = 0; i < n; ++i) {
    Tensor& own = recorded->inputs[i];
    // One number that stands for all: libtorch refuses to write into a tensor whose elements share their memory.
    if (own.dim() == 1 && own.size(0) > 1 && own.stride(0) == 0) {
      own.narrow(0, 0, 1).copy_(inputs[i]->narrow(0, 0, 1));
    } else {
      own.copy_(*inputs[i]);
    }
  }
}

}  // namespace

extern "C" {

void ddpm_graph_free_message(char* message) { free(message); }

char* ddpm_graph_new(int device, Recorded** result) {
  return caught([&] { *result = c10::make_intrusive<Recorded>(static_cast<c10::DeviceIndex>(device)).release(); });
}

void ddpm_graph_drop(Recorded* recorded) {
  if (char* message = caught([&] { c10::intrusive_ptr<Recorded>::reclaim(recorded).reset(); })) {
    free(message);
  }
}

bool ddpm_graph_gradients() { return at::GradMode::is_enabled(); }

bool ddpm_graph_is_pending(const Recorded* recorded) { return recorded->is_pending(); }

// Until it is left, work goes to a stream of the recording's own: the default stream cannot be recorded.
char* ddpm_graph_enter(Recorded* recorded) {
  return caught([&] {
    c10::cuda::device_synchronize();
    recorded->offset = generator(*recorded).get_offset();
    recorded->outer = c10::cuda::getCurrentCUDAStream(recorded->device);
    c10::cuda::setCurrentCUDAStream(recorded->stream);
  });
}

char* ddpm_graph_leave(Recorded* recorded) {
  return caught([&] {
    c10::cuda::setCurrentCUDAStream(*recorded->outer);
    // What was tried meanwhile has drawn random numbers that the first repetition is to draw again.
    generator(*recorded).set_offset(recorded->offset);
    c10::cuda::device_synchronize();
  });
}

char* ddpm_graph_begin(Recorded* recorded, bool back) {
  return caught([&] {
    if (back) {
      recorded->backward.capture_begin(recorded->forward.pool());
    } else {
      recorded->forward.capture_begin();
    }
  });
}

char* ddpm_graph_end(Recorded* recorded, bool back) {
  return caught([&] { (back ? recorded->backward : recorded->forward).capture_end(); });
}

char* ddpm_graph_keep(
    Recorded* recorded, Tensor** inputs, size_t n, Tensor* output, Tensor* output_gradient, Tensor** gradients, size_t m) {
  return caught([&] {
    for (size_t i = 0; i < n; ++i) {
      recorded->inputs.push_back(*inputs[i]);
    }
    for (size_t i = 0; i < m; ++i) {
      recorded->gradients.push_back(*gradients[i]);
    }
    recorded->output = output->detach();
    recorded->output_gradient = output_gradient ? *output_gradient : Tensor();
  });
}

// Repeats the pass forward with other inputs. With parameters the result has a gradient with respect to them.
char* ddpm_graph_call(
    Recorded* recorded, Tensor** inputs, size_t n, Tensor** parameters, size_t m, Tensor** result) {
  return caught([&] {
    copy_inputs(recorded, inputs, n);
    if (m == 0) {
      at::NoGradGuard no_grad;
      recorded->forward.replay();
      *result = new Tensor(recorded->output.clone());
      return;
    }
    std::vector<Tensor> all;
    for (size_t i = 0; i < m; ++i) {
      all.push_back(*parameters[i]);
    }
    *result = new Tensor(Replay::apply(reinterpret_cast<int64_t>(recorded), at::TensorList(all)));
  });
}

// Adam with decoupled weight decay, at step k, of a gradient that is divided by `divisor` first: all in place.
char* ddpm_fused_adamw(
    Tensor* theta, Tensor* gradient, Tensor* m, Tensor* v, float k, double learning_rate, double beta_1, double beta_2,
    double weight_decay, double eps, double divisor) {
  return caught([&] {
    at::NoGradGuard no_grad;
    auto options = theta->options().dtype(at::kFloat);
    std::optional<Tensor> scale;
    if (divisor != 1.0) {
      scale = at::full({}, divisor, options);
    }
    at::_fused_adamw_(
        {*theta}, {*gradient}, {*m}, {*v}, {}, {at::full({}, k, options)}, learning_rate, beta_1, beta_2, weight_decay, eps,
        /*amsgrad=*/false, /*maximize=*/false, scale);
  });
}
}
