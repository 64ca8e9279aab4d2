/* Optimizers: one step for all parameters, of which each has its own weight decay. They do what PyTorch's do, and round
   each operation by itself. */

/* The size of a parameter, where its values and their gradients are, and what it keeps from step to step. */
struct parameter {
    int64_t size;
    float *values;
    const float *gradients;
    float *first, *second;
    float decay;
};

/* SGD with momentum, of which `first` holds the sums; NULL where there is none. */
EXPORT void tm_sgd(int count, const struct parameter *parameters, float rate, float momentum, int nesterov) {
    for (int k = 0; k < count; k++) {
        const struct parameter p = parameters[k];
        for (int64_t i = 0; i < p.size; i++) {
            const float gradient = p.gradients[i] + p.decay * p.values[i];
            float step = gradient;
            if (p.first) {
                step = p.first[i] = momentum * p.first[i] + gradient;
                if (nesterov) step = gradient + momentum * step;
            }
            p.values[i] -= rate * step;
        }
    }
}

/* Adam (Kingma and Ba 2015): `first` holds the means of the gradients, `second` those of their squares; `rate` and
   `root` are corrected for the steps so far, a rest is 1 less its beta. If `decoupled`, values decay by themselves
   (Loshchilov and Hutter 2019), by `own_rate`. */
EXPORT void tm_adam(int count, const struct parameter *parameters, float rate, float beta1, float rest1, float beta2,
                    float rest2, float root, float eps, float own_rate, int decoupled) {
    for (int k = 0; k < count; k++) {
        const struct parameter p = parameters[k];
        for (int64_t i = 0; i < p.size; i++) {
            float gradient = p.gradients[i];
            if (decoupled) p.values[i] *= 1 - own_rate * p.decay;
            else gradient += p.decay * p.values[i];
            p.first[i] = beta1 * p.first[i] + rest1 * gradient;
            p.second[i] = beta2 * p.second[i] + rest2 * (gradient * gradient);
            p.values[i] -= rate * p.first[i] / (sqrtf(p.second[i]) / root + eps);
        }
    }
}

/* Moves averages, `first`, by `share` towards the values. */
EXPORT void tm_average(int count, const struct parameter *parameters, float share) {
    for (int k = 0; k < count; k++) {
        const struct parameter p = parameters[k];
        for (int64_t i = 0; i < p.size; i++) p.first[i] += share * (p.values[i] - p.first[i]);
    }
}
