package org.loft4j.nn;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.Checks;

/**
 * What becomes of the product of a head: {@code z = p / divisor}, where there is a bound {@code cap·tanh(z / cap)}, and that divided by a
 * temperature.
 *
 * @param divisor Granite's {@code logits_scaling}; 1 for none
 * @param softcap bound of the logits; 0 for none
 * @param temperature by which tokens are drawn and learnt; 1 for that of the model
 */
public record LogitScale(double divisor, double softcap, double temperature) {
    /** The product itself. */
    public static final LogitScale NONE = new LogitScale(1, 0);

    /** That of a model. */
    public LogitScale(double divisor, double softcap) {
        this(divisor, softcap, 1);
    }

    public LogitScale {
        Checks.positive("divisor of the logits", divisor);
        Checks.notNegative("bound of the logits", softcap);
        Checks.positive("temperature", temperature);
    }

    /** The same at another temperature. */
    public LogitScale at(double other) {
        return new LogitScale(divisor, softcap, other);
    }

    /** The logits of products, of any shape. */
    public Tensor logits(Tensor products) {
        Tensor divided = divisor == 1 ? products : products.div(new Scalar(divisor));
        Tensor bounded = softcap > 0 ? Attention.softcap(divided, softcap) : divided;
        return temperature == 1 ? bounded : bounded.div(new Scalar(temperature));
    }

    /** How many tensors of their size {@link #logits} makes beside the products. */
    public int copies() {
        return (divisor == 1 ? 0 : 1) + (softcap > 0 ? 2 : 0) + (temperature == 1 ? 0 : 1);
    }

    /**
     * The gradient of the products: the derivative of {@code y = cap·tanh(x / cap)} is {@code 1 − (y / cap)²}, where the logits are
     * {@code y / temperature}.
     *
     * @param ofLogits gradient of the logits, which is written over
     * @param logits as {@link #logits} made them
     */
    Tensor gradient(Tensor ofLogits, Tensor logits) {
        if (softcap > 0) {
            Tensor square = logits.div(new Scalar(softcap / temperature)).square_();
            ofLogits.sub_(square.mul_(ofLogits));
        }
        double by = divisor * temperature;
        return by == 1 ? ofLogits : ofLogits.div_(new Scalar(by));
    }
}
