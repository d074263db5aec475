package org.loft4j.nn;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.Checks;

/**
 * What becomes of the product of a head: {@code z = p / divisor}, and where there is a bound {@code cap·tanh(z / cap)}.
 *
 * @param divisor Granite's {@code logits_scaling}; 1 for none
 * @param softcap bound of the logits; 0 for none
 */
public record LogitScale(double divisor, double softcap) {
    /** The product itself. */
    public static final LogitScale NONE = new LogitScale(1, 0);

    public LogitScale {
        Checks.positive("divisor of the logits", divisor);
        Checks.notNegative("bound of the logits", softcap);
    }

    /** The logits of products, of any shape. */
    public Tensor logits(Tensor products) {
        Tensor divided = divisor == 1 ? products : products.div(new Scalar(divisor));
        return softcap > 0 ? Attention.softcap(divided, softcap) : divided;
    }

    /** How many tensors of their size {@link #logits} makes beside the products. */
    public int copies() {
        return (divisor == 1 ? 0 : 1) + (softcap > 0 ? 2 : 0);
    }

    /**
     * The gradient of the products: the derivative of {@code y = cap·tanh(x / cap)} is {@code 1 − (y / cap)²}.
     *
     * @param ofLogits gradient of the logits, which is written over
     * @param logits as {@link #logits} made them
     */
    Tensor gradient(Tensor ofLogits, Tensor logits) {
        if (softcap > 0) {
            Tensor square = logits.div(new Scalar(softcap)).square_();
            ofLogits.sub_(square.mul_(ofLogits));
        }
        return divisor == 1 ? ofLogits : ofLogits.div_(new Scalar(divisor));
    }
}
