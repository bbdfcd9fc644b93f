// Verilator's run-time library asks these two what to do on an error. Its own answers end the process; ours end the
// evaluation, and the shim hands the text to Rust.
#include <stdexcept>
#include <string>

#include "verilated.h"

static std::string describe(const char* file, int line, const char* hierarchy, const char* what) {
    std::string text = what;
    if (hierarchy && *hierarchy) text += std::string(" in ") + hierarchy;
    if (file && *file) text += std::string(", ") + file + ":" + std::to_string(line);
    return text;
}

void vl_stop(const char* file, int line, const char* hierarchy) {
    throw std::runtime_error(describe(file, line, hierarchy, "an assertion failed"));
}

void vl_fatal(const char* file, int line, const char* hierarchy, const char* message) {
    throw std::runtime_error(describe(file, line, hierarchy, message));
}
