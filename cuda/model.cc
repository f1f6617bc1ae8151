#include "cuda/model.h"

#include <algorithm>
#include <cmath>

#include "csrc/cells/gru.h"
#include "csrc/cells/gru_reset_before.h"
#include "csrc/cells/ind_rnn.h"
#include "csrc/cells/lstm.h"
#include "csrc/cells/simple_rnn.h"

namespace tfrnn::cuda {
namespace {

constexpr int kQuarters = 4;  // of a multiprocessor, each with its own matrix unit
constexpr int kColumns = 8;   // of a matrix instruction

template <template <typename> class C>
constexpr CellShape Shape() {
  return {C<float>::kGates, C<float>::kSums};
}

bool Exact(const Call& call) { return call.dtype == Element::kFloat32 && !call.tf32; }

double MmaCycles(const Call& call, const Constants& k) {
  const double one = SizeOf(call.dtype) == 2 ? k.mma_16bit_cycles : k.mma_tf32_cycles;
  return Exact(call) ? 3 * one : one;
}

// Exponentials and reciprocals of an element: two for a sigmoid or a tanh. On the way back only
// tanh(c) is computed again.
int Specials(const Call& call) {
  const int of_state = call.cell == Cell::kLstm ? 2 : 0;
  return call.pass == Pass::kForward ? 2 * ShapeOf(call.cell).gates + of_state : of_state;
}

// Cycles until a block has so many bytes of others, in the words of tagged.cuh and with their
// carriers, from where so many come at a cycle.
double TaggedExchange(const Plan& plan, double bytes, double per_cycle, const Constants& k) {
  // Every poll but the first waits for L2 once more.
  const double polls = std::ceil(bytes / (16 * 32 * plan.warps * WordsAtOnce(plan.tile_rows)));
  return k.data_as_flag_exchange_cycles +
         std::max(bytes * 33 / 32 / per_cycle, (polls - 1) * k.l2_latency_cycles);
}

// Cycles until all blocks of a group have h of all, of so many rows.
double ForwardExchange(const Geometry& g, const Plan& plan, double rows, const Constants& k) {
  // What a block receives.
  const double volume = rows * (g.operand_stride - 16) * (plan.unit_slices - 1) / plan.unit_slices;
  if (plan.policy == Policy::kCluster) {
    return k.cluster_async_exchange_cycles + k.cluster_async_block_cycles * (plan.unit_slices - 2) +
           volume / k.dsmem_bytes_per_cycle;
  }
  if (plan.policy == Policy::kOneBlock) return k.block_exchange_cycles;
  return TaggedExchange(plan, volume, k.l2_bytes_per_cycle, k);
}

// Cycles until every block has all shares of its units' dh, `bytes` of them, besides those of the
// product, in whose rounds they leave: only the shares of the last round wait for nothing.
double BackwardExchange(const Plan& plan, double bytes, int blocks, double product, int rounds,
                        const Device& device, const Constants& k) {
  if (plan.policy == Policy::kOneBlock) return k.block_exchange_cycles;
  const double volume = bytes * (plan.unit_slices - 1) / plan.unit_slices;
  double sent, rest;
  if (plan.policy == Policy::kCluster) {
    sent = volume / k.dsmem_bytes_per_cycle;
    rest = k.cluster_async_exchange_cycles + k.cluster_async_block_cycles * (plan.unit_slices - 2);
  } else {
    // Through L2 and back, or through device memory where L2 has no room for the launch's words and
    // a quarter for everything else.
    const bool fits = 2 * bytes * blocks <= 0.75 * static_cast<double>(device.l2_bytes);
    const double of_memory = k.dram_gbytes / k.clock_ghz / device.multiprocessors;
    const double per_cycle =
        fits ? k.l2_bytes_per_cycle : std::min(k.l2_bytes_per_cycle, of_memory);
    sent = volume * 33 / 32 / per_cycle;
    rest = TaggedExchange(plan, volume, per_cycle, k);
  }
  return rest + sent - (rounds - 1.0) / rounds * std::min(sent, product);
}

// Cycles of a step of one block, by what they are spent on.
Prediction BlockCycles(const Call& call, const Plan& plan, const Device& device,
                       const Constants& k) {
  const bool forward = call.pass == Pass::kForward;
  const Geometry g = GeometryFor(call, plan);
  const int columns = plan.tile_rows / kColumns;
  const int jobs = g.jobs * g.depth_splits, rounds = CeilDiv(jobs, plan.warps);
  const int busy_warps = std::min(jobs, plan.warps);
  const double row_bytes = static_cast<double>(g.depth_steps) * kStepBytes;
  const double rows = static_cast<double>(std::min<std::int64_t>(call.batch, plan.tile_rows));
  Prediction cycles;

  // A warp goes down its part of the depth, with an accumulator for every tile and column. The
  // next instruction on an accumulator waits for the last; the warps of a quarter take turns.
  const double latency = (Exact(call) ? 3 : 1) * k.mma_latency_cycles;
  const double turn =
      g.tiles / g.jobs * columns * MmaCycles(call, k) * CeilDiv(busy_warps, kQuarters);
  const double arithmetic =
      rounds * CeilDiv(g.depth_steps, g.depth_splits) * std::max(latency, turn);
  const double weights = g.operand;  // those that are not in registers
  const double operand = g.jobs * plan.tile_rows * row_bytes;
  cycles.product = std::max(arithmetic, (weights + operand) / k.shared_bytes_per_cycle);

  // fp32, in pairs of rows.
  const double shares = 2.0 * CeilDiv(static_cast<std::int64_t>(rows), 2) * g.padded_units * 4;
  const int blocks = plan.unit_slices * plan.batch_slices * call.directions;
  cycles.exchange = forward
                        ? ForwardExchange(g, plan, rows, k)
                        : BackwardExchange(plan, shares, blocks, cycles.product, rounds, device, k);

  // Written and read.
  const double sums = 2.0 * (forward ? g.bias - g.sums : shares * g.depth_splits);
  const double elements = static_cast<double>(g.units) * plan.tile_rows;
  cycles.pointwise = k.pointwise_cycles + elements * Specials(call) / k.special_per_cycle +
                     sums / k.shared_bytes_per_cycle;
  cycles.overhead = k.step_cycles;
  return cycles;
}

// One launch for the product and one for the rest, in microseconds.
Prediction Stepwise(const Call& call, const Device& device, const Constants& k) {
  const double cycles_per_us = k.clock_ghz * 1e3;
  const double width = static_cast<double>(ShapeOf(call.cell).gates) * call.units;
  const double batch = static_cast<double>(call.batch);
  const double products = width * call.units * batch * call.directions;
  const double bytes = width * call.units * SizeOf(call.dtype) * call.directions;
  double per_cycle = call.dtype == Element::kFloat64 ? k.fma64_per_cycle : k.fma_per_cycle;
  if (HasMma(call, device)) {
    const double of_mma = 16 * kColumns * 32.0 / SizeOf(call.dtype);
    per_cycle = kQuarters * of_mma / MmaCycles(call, k);
  }
  const double chip = device.multiprocessors * cycles_per_us;
  // A quarter of L2 is left for what else a step touches.
  const double reading = bytes <= 0.75 * static_cast<double>(device.l2_bytes)
                             ? bytes / (k.l2_bytes_per_cycle * chip)
                             : bytes / (k.dram_gbytes * 1e3);
  Prediction us;
  us.product = std::max(products / (per_cycle * chip), reading);
  const double elements = batch * call.units * call.directions;
  us.pointwise =
      k.pointwise_cycles / cycles_per_us + elements * Specials(call) / (k.special_per_cycle * chip);
  us.overhead = 2 * k.launch_us + k.stream_us;
  return us;
}

}  // namespace

CellShape ShapeOf(Cell cell) {
  switch (cell) {
    case Cell::kLstm:
      return Shape<Lstm>();
    case Cell::kGru:
      return Shape<Gru>();
    case Cell::kGruResetBefore:
      return Shape<GruResetBefore>();
    case Cell::kSimpleRnn:
      return Shape<SimpleRnn>();
    case Cell::kIndRnn:
      return Shape<IndRnn>();
  }
  return {};
}

const char* Name(Cell cell) {
  switch (cell) {
    case Cell::kLstm:
      return "lstm";
    case Cell::kGru:
      return "gru";
    case Cell::kGruResetBefore:
      return "gru_reset_before";
    case Cell::kSimpleRnn:
      return "simple_rnn";
    case Cell::kIndRnn:
      return "ind_rnn";
  }
  return "";
}

const char* Name(Element dtype) {
  switch (dtype) {
    case Element::kFloat16:
      return "float16";
    case Element::kBFloat16:
      return "bfloat16";
    case Element::kFloat32:
      return "float32";
    case Element::kFloat64:
      return "float64";
  }
  return "";
}

const char* Name(Policy policy) {
  switch (policy) {
    case Policy::kStepwise:
      return "stepwise";
    case Policy::kOneBlock:
      return "block";
    case Policy::kCluster:
      return "cluster";
    case Policy::kGrid:
      return "grid";
  }
  return "";
}

const char* Name(Pass pass) { return pass == Pass::kForward ? "forward" : "backward"; }

int SizeOf(Element dtype) {
  switch (dtype) {
    case Element::kFloat16:
    case Element::kBFloat16:
      return 2;
    case Element::kFloat32:
      return 4;
    case Element::kFloat64:
      return 8;
  }
  return 0;
}

Geometry GeometryFor(const Call& call, const Plan& plan) {
  CellShape cell = ShapeOf(call.cell);
  cell.has_options = TakesOptions(call.features);
  return GeometryOf(cell, call.pass, SizeOf(call.dtype), call.units, plan);
}

bool HasMma(const Call& call, const Device& device) {
  if (call.dtype == Element::kFloat64) return false;
  return call.dtype == Element::kFloat16 || device.arch >= 80;
}

Prediction Predict(const Call& call, const Plan& plan, const Device& device,
                   const Constants& constants) {
  if (plan.policy == Policy::kStepwise) return Stepwise(call, device, constants);
  Prediction us = BlockCycles(call, plan, device, constants);
  const int groups = plan.batch_slices * call.directions;
  int resident = device.multiprocessors;
  if (plan.policy == Policy::kCluster) resident = device.resident_clusters[plan.unit_slices];
  const int waves = plan.policy == Policy::kGrid ? 1 : CeilDiv(groups, resident);
  const double scale = waves / (constants.clock_ghz * 1e3);
  us.product *= scale, us.exchange *= scale, us.pointwise *= scale, us.overhead *= scale;
  return us;
}

}  // namespace tfrnn::cuda
