#include "cuda/plan_override.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "cuda/model.h"

namespace tfrnn::cuda {
namespace {

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

// A whole number from 1 that is all of `text`.
bool ParseNumber(std::string_view text, int* number) {
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, *number);
  return error == std::errc() && rest == end && *number > 0;
}

bool ConsumePrefix(std::string_view prefix, std::string_view* text) {
  if (text->substr(0, prefix.size()) != prefix) return false;
  text->remove_prefix(prefix.size());
  return true;
}

bool ParseLimit(std::string_view text, Override* to) {
  if (ConsumePrefix("rows=", &text)) return ParseNumber(text, &to->tile_rows);
  if (ConsumePrefix("warps=", &text)) return ParseNumber(text, &to->warps);
  const std::vector<std::string_view> slices = Split(text, 'x');
  return slices.size() == 2 && ParseNumber(slices[0], &to->unit_slices) &&
         ParseNumber(slices[1], &to->batch_slices);
}

bool ParsePolicy(std::string_view text, Policy* policy) {
  for (const Policy p : {Policy::kStepwise, Policy::kOneBlock, Policy::kCluster, Policy::kGrid}) {
    if (text == Name(p)) return *policy = p, true;
  }
  return false;
}

std::string Complaint(std::string_view value, std::string_view found, const char* expected) {
  return std::string(kOverrideVariable) + "='" + std::string(value) + "': found '" +
         std::string(found) + "', expected " + expected;
}

}  // namespace

bool Override::Allows(const Plan& plan) const {
  const auto fits = [](int wanted, int has) { return wanted == 0 || wanted == has; };
  return policy == plan.policy && fits(unit_slices, plan.unit_slices) &&
         fits(batch_slices, plan.batch_slices) && fits(tile_rows, plan.tile_rows) &&
         fits(warps, plan.warps);
}

std::optional<Override> ParseOverride(std::string_view value, Pass pass, std::string* error) {
  std::optional<Override> found;
  if (value.empty()) return found;
  for (std::string_view item : Split(value, ';')) {
    Override parsed;
    parsed.text = std::string(item);
    const bool forward = ConsumePrefix("forward=", &item);
    const bool backward = !forward && ConsumePrefix("backward=", &item);
    const std::vector<std::string_view> parts = Split(item, ':');
    if (!ParsePolicy(parts[0], &parsed.policy)) {
      *error = Complaint(value, parts[0],
                         "stepwise, block, cluster or grid, with forward= or backward= before it "
                         "for one of the passes");
      return std::nullopt;
    }
    for (std::size_t i = 1; i < parts.size(); ++i) {
      if (parsed.policy == Policy::kStepwise || !ParseLimit(parts[i], &parsed)) {
        *error = Complaint(value, parts[i],
                           parsed.policy == Policy::kStepwise
                               ? "nothing after stepwise"
                               : "slices such as 8x4, rows=16 or warps=8");
        return std::nullopt;
      }
    }
    if (pass == Pass::kForward ? !backward : !forward) found = parsed;
  }
  return found;
}

}  // namespace tfrnn::cuda
