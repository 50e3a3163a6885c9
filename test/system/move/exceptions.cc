/* SPDX-License-Identifier: BSD-3-Clause */
/* exceptions.cc - C++ exceptions across the move: thrown after, caught before, in flight, held. */
#include <cstring>
#include <exception>
#include <map>
#include <stdexcept>
#include <string>

#include "move_test.h"

static bool spoiled;

static void spoil()
{
    spoiled = true;
}

struct mover { // moves while an exception unwinds through it
    int *moved;
    ~mover()
    {
        hop(spoil);
        CHECK(std::uncaught_exceptions() == 1, "%d exceptions in flight",
              std::uncaught_exceptions());
        ++*moved;
    }
};

static void deep(int level, int *moved)
{
    mover on_the_way{moved};
    if (level == 0) {
        hop(spoil);
        throw std::runtime_error("from the bottom");
    }
}

static void check_thrown_after()
{
    std::map<std::string, int> kept{{"a", 1}, {"b", 2}};
    try {
        hop(spoil);
        kept.at("c") = 3;
        CHECK(false, "nothing was thrown");
    } catch (const std::out_of_range &e) {
        CHECK(kept.size() == 2 && kept["b"] == 2, "%s", e.what());
    }
}

static void check_rethrown()
{
    std::exception_ptr held;
    try {
        try {
            throw std::logic_error("kept");
        } catch (...) {
            held = std::current_exception();
            hop(spoil);
            throw;
        }
    } catch (const std::logic_error &e) {
        CHECK(strcmp(e.what(), "kept") == 0, "%s", e.what());
    }
    try {
        std::rethrow_exception(held);
    } catch (const std::exception &e) {
        CHECK(strcmp(e.what(), "kept") == 0, "%s", e.what());
        CHECK(dynamic_cast<const std::logic_error *>(&e) != nullptr, "its type");
    }
}

int main()
{
    int moved = 0;
    try {
        deep(0, &moved);
        CHECK(false, "nothing was thrown");
    } catch (const std::runtime_error &e) {
        CHECK(strcmp(e.what(), "from the bottom") == 0, "%s", e.what());
    }
    CHECK(moved == 1, "%d destructors ran", moved);
    check_thrown_after();
    check_rethrown();
    CHECK(!spoiled, "the runtime's data");
    return 0;
}
