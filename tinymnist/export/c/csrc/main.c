/* Reads the example, an image that the network was tested on, and says what it is. */
#include "NETWORK_H"
#include "example.h"

void say(const char *text);

static NAME_element scratch[UPPER_SCRATCH];
static const char *const labels[UPPER_CLASSES] = UPPER_LABELS;

int main(void)
{
    const int found = NAME_classify(example, scratch);
    say(labels[found]);
    if (found != EXAMPLE_CLASS) {
        say(", which is wrong: this is ");
        say(labels[EXAMPLE_CLASS]);
    }
    say("\n");
    return found != EXAMPLE_CLASS;
}
