// Reads the example, an image that the network was tested on, once a second, and says what it is and how long it took.
#include <NETWORK_H>

#include "example.h"

static NAME_element scratch[UPPER_SCRATCH];
static const char *const labels[UPPER_CLASSES] = UPPER_LABELS;

void setup()
{
    Serial.begin(115200);
}

void loop()
{
    const unsigned long begun = micros();
    const int found = NAME_classify(example, scratch);
    const unsigned long taken = micros() - begun;
    Serial.print(labels[found]);
    Serial.print(found == EXAMPLE_CLASS ? ", " : ", which is wrong, ");
    Serial.print(taken);
    Serial.println(" us");
    delay(1000);
}
