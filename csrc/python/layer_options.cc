#include "csrc/python/layer_options.h"

#include <cstdint>
#include <iterator>
#include <string>
#include <utility>

namespace py = pybind11;

namespace tfrnn {
namespace {

Activation ActivationNamed(const std::string& option, const std::string& name) {
  for (std::size_t i = 0; i < std::size(kActivationNames); ++i) {
    if (name == kActivationNames[i]) return static_cast<Activation>(i);
  }
  throw py::value_error(option + ": found " + name + ", which is no activation");
}

}  // namespace

RnnOptions OptionsFrom(const py::dict& dictionary) {
  RnnOptions o;
  o.zero_output_for_mask = true;
  const std::pair<const char*, bool*> flags[] = {{"zero_output_for_mask", &o.zero_output_for_mask},
                                                 {"training", &o.training},
                                                 {"layer_norm_carry", &o.layer_norm_carry}};
  const std::pair<const char*, double*> numbers[] = {{"recurrent_dropout", &o.recurrent_dropout},
                                                     {"zoneout", &o.zoneout},
                                                     {"cell_zoneout", &o.cell_zoneout},
                                                     {"cell_clip", &o.cell_clip},
                                                     {"layer_norm_epsilon", &o.layer_norm_epsilon},
                                                     {"projection_clip", &o.projection_clip}};
  const std::pair<const char*, Activation*> activations[] = {
      {"activation", &o.activation}, {"recurrent_activation", &o.recurrent_activation}};
  for (const auto& [key, value] : dictionary) {
    const auto name = key.cast<std::string>();
    bool known = name == "seed";
    if (known) {
      const auto seed = value.cast<std::pair<std::uint64_t, std::uint64_t>>();
      o.seed[0] = seed.first, o.seed[1] = seed.second;
    }
    for (const auto& [flag, to] : flags) {
      if (name == flag) *to = value.cast<bool>(), known = true;
    }
    for (const auto& [number, to] : numbers) {
      if (name == number) *to = value.cast<double>(), known = true;
    }
    for (const auto& [activation, to] : activations) {
      if (name == activation) {
        *to = ActivationNamed(name, value.cast<std::string>()), known = true;
      }
    }
    if (!known) throw py::value_error("options: found " + name + ", which is no option");
  }
  return o;
}

}  // namespace tfrnn
