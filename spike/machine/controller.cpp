#include "controller.h"

#include <stdexcept>

#include "Vhic.h"

namespace {
constexpr uint32_t kStuckLimit = 0x300020; // of window 0
constexpr int kAccessClocks = 10000;       // far beyond any bound of the contract
constexpr int kResetClocks = 1000000;
} // namespace

Controller::Controller(uint64_t gate) : model_(std::make_unique<Vhic>()), gate_(gate)
{
    model_->rst = 1;
    tick();
    tick();
    model_->rst = 0;
    for (int clock = 0; !model_->ready; clock++) {
        if (clock == kResetClocks) {
            throw std::runtime_error("the controller does not get ready after reset");
        }
        tick();
    }
    now_ = 0;
    evaluated_ = 0;
}

Controller::~Controller() = default;

void Controller::tick()
{
    model_->clk = 0;
    model_->eval();
    model_->clk = 1;
    model_->eval();
    now_++;
    evaluated_++;
    quiet_++;
#define LINES(h)                                                                                                       \
    lines_.direct[h] = model_->direct##h##_valid;                                                                      \
    lines_.trap[h] = model_->trap##h##_valid
    LINES(0);
#if HIC_HARTS > 1
    LINES(1);
#endif
#if HIC_HARTS > 2
    LINES(2);
#endif
#if HIC_HARTS > 3
    LINES(3);
#endif
#undef LINES
    history_[now_ % kHistory] = lines_;
}

void Controller::advance(uint64_t clock)
{
    while (now_ < clock) {
        if ((gate_ != 0) && (quiet_ >= gate_) && !stuck_limit_) {
            now_ = clock;
        } else {
            tick();
        }
    }
}

bool Controller::access(uint32_t address, bool write, uint32_t &data)
{
    model_->bus_valid = 1;
    model_->bus_write = write;
    model_->bus_address = address;
    model_->bus_wdata = data;
    model_->bus_strobe = write ? 0xf : 0;
    quiet_ = 0;
    for (int clock = 0;; clock++) {
        if (clock == kAccessClocks) {
            throw std::runtime_error("the controller does not answer an access");
        }
        model_->clk = 0;
        model_->eval();
        const bool done = model_->bus_ready;
        const bool error = model_->bus_error;
        if (done && !write) {
            data = model_->bus_rdata;
        }
        tick();
        if (done) {
            model_->bus_valid = 0;
            if (write && (address == kStuckLimit)) {
                stuck_limit_ = data != 0;
            }
            return !error;
        }
    }
}

void Controller::drive(uint32_t source, bool level)
{
    const uint32_t bit = UINT32_C(1) << (source - 1);
    model_->irq = level ? (model_->irq | bit) : (model_->irq & ~bit);
    quiet_ = 0;
}
