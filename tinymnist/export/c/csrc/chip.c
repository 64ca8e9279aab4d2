//[ certify
/* Runs the network on an emulated microcontroller: reads images from a file of the host and writes the logits to another,
   by semihosting, and at the end what it has counted. Nothing of this is exported. */
//]
//[ project
/* What comes before main() on the emulated microcontroller, and text to the terminal by semihosting. On a board, take
   the start-up file and the linker script of its maker instead. */
//]
#include <stdint.h>
//[ certify
#include "NETWORK_H"
//]

#define AT(address) (*(volatile uint32_t *)(address))
//[ certify
#define PAINT 0xa5a5a5a5u
//]

/* Places that the linker script names. */
extern uint32_t data_from[], data_start[], data_end[], bss_start[], bss_end[], stack_limit[], stack_top[];
//[ project
int main(void);
void say(const char *text);
//]

void reset(void);

//[ certify
/* The vector table or its like, a call of the host, and a clock that QEMU moves on by a fixed time per instruction. */
//]
//[ project
/* The vector table or its like, and a call of the host. */
//]
#if defined(__riscv)
__attribute__((naked, used, section(".start"))) static void start(void)
{
    __asm__ volatile("la sp, stack_top\nla tp, thread_data\nj reset");
}

static uintptr_t host(uintptr_t operation, uintptr_t argument)
{
    register uintptr_t a0 __asm__("a0") = operation;
    register uintptr_t a1 __asm__("a1") = argument;
    __asm__ volatile(".option push\n.option norvc\n.balign 16\nslli x0, x0, 0x1f\nebreak\nsrai x0, x0, 7\n.option pop"
                     : "+r"(a0) : "r"(a1) : "memory");
    return a0;
}

//[ certify
static void start_clock(void) {}

static uint32_t now(void)
{
    uint32_t instructions;
    __asm__ volatile(".option push\n.option arch, +zicsr\ncsrr %0, minstret\n.option pop" : "=r"(instructions));
    return instructions;
}
//]
#else
__attribute__((used, section(".start"))) static const void *const vectors[16] = {stack_top, (const void *)reset};

static uintptr_t host(uintptr_t operation, uintptr_t argument)
{
    register uintptr_t r0 __asm__("r0") = operation;
    register uintptr_t r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

//[ certify
#if defined(NRF51_TIMER)
static void start_clock(void)
{
    AT(NRF51_TIMER + 0x508) = 3; /* 32 bits */
    AT(NRF51_TIMER + 0x510) = 0; /* 16 MHz */
    AT(NRF51_TIMER) = 1;
}

static uint32_t now(void)
{
    AT(NRF51_TIMER + 0x40) = 1; /* capture */
    return AT(NRF51_TIMER + 0x540);
}
#else
static void start_clock(void)
{
    AT(CMSDK_TIMER + 8) = 0xffffffffu; /* counts down from there, again and again */
    AT(CMSDK_TIMER + 4) = 0xffffffffu;
    AT(CMSDK_TIMER) = 1;
}

static uint32_t now(void) { return 0xffffffffu - AT(CMSDK_TIMER + 4); }
#endif
//]
#endif

//[ project
enum { WRITE_TEXT = 0x04, EXIT = 0x18 };
enum { FINE = 0x20026, FAILED = 0x20023 };

void say(const char *text)
{
    host(WRITE_TEXT, (uintptr_t)text);
}

//]
//[ certify
enum { OPEN = 0x01, WRITE = 0x05, READ = 0x06, EXIT = 0x18 };
enum { FOR_READING = 1, FOR_WRITING = 5 };

static uintptr_t opened(const char *name, uintptr_t length, uintptr_t how)
{
    const uintptr_t arguments[] = {(uintptr_t)name, how, length};
    return host(OPEN, (uintptr_t)arguments);
}

/* The bytes that were not read or written. */
static uintptr_t transfer(uintptr_t operation, uintptr_t file, const void *at, uintptr_t bytes)
{
    const uintptr_t arguments[] = {file, (uintptr_t)at, bytes};
    return host(operation, (uintptr_t)arguments);
}

static volatile uint32_t *stack_now(void)
{
    volatile uint32_t *here;
#if defined(__riscv)
    __asm__ volatile("mv %0, sp" : "=r"(here));
#else
    __asm__ volatile("mov %0, sp" : "=r"(here));
#endif
    return here;
}

static uint8_t image[UPPER_PIXELS];
static NAME_element scratch[UPPER_SCRATCH];
static NAME_logit logits[UPPER_CLASSES];
static struct {
    uint64_t of_loop, of_images, images, stack;
} figures;

static void run(void)
{
    const uintptr_t in = opened("images", 6, FOR_READING), out = opened("logits", 6, FOR_WRITING);
    const uintptr_t last = opened("figures", 7, FOR_WRITING);
    start_clock();
    uint32_t before = now(), count = 1000000; /* a loop of two instructions tells how long one takes */
    #if defined(__riscv)
    __asm__ volatile("1: addi %0, %0, -1\nbnez %0, 1b" : "+r"(count));
#else
    __asm__ volatile(".syntax unified\n1: subs %0, #1\nbne 1b" : "+l"(count) : : "cc");
#endif
    figures.of_loop = (uint32_t)(now() - before);
    volatile uint32_t *const top = stack_now(), *low;
    for (low = stack_limit; low < top; low++) *low = PAINT;
    while (transfer(READ, in, image, sizeof image) == 0) {
        before = now();
        NAME_logits(image, logits, scratch);
        figures.of_images += (uint32_t)(now() - before);
        figures.images++;
        transfer(WRITE, out, logits, sizeof logits);
    }
    for (low = stack_limit; low < top && *low == PAINT; low++) {}
    figures.stack = (uintptr_t)top - (uintptr_t)low;
    transfer(WRITE, last, &figures, sizeof figures);
}

//]
void reset(void)
{
    for (uint32_t *from = data_from, *to = data_start; to < data_end;) *to++ = *from++;
    for (uint32_t *to = bss_start; to < bss_end;) *to++ = 0;
#if defined(__ARM_FP)
    AT(0xe000ed88) |= 0xfu << 20; /* the floating-point unit */
    __asm__ volatile("dsb\nisb");
#endif
//[ certify
    run();
    host(EXIT, 0x20026);
//]
//[ project
    host(EXIT, main() ? FAILED : FINE);
//]
    for (;;) {}
}
