package org.loft4j.nn;

import java.util.function.Supplier;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Lanes;

/**
 * While one is open, the calling thread computes answers: without gradients, and with products as they are fastest for that.
 *
 * <p>A training and its evaluations open none, but for the answers that a model gives in them to prompts. What they compute twice, as a
 * layer whose activations are not kept, they compute once without gradients and once with them, and both times the digits must be
 * the same.
 */
public final class Inference implements AutoCloseable {
    /** Numbers of the states of all tokens, for which one thread takes no longer than several that must be woken. */
    private static final long FEW_NUMBERS = 1 << 19;

    private static final ThreadLocal<Boolean> OPEN = ThreadLocal.withInitial(() -> false);

    private final AutoGradMode noGradients = new AutoGradMode(false);
    private final boolean before = OPEN.get();

    private Inference() {
        OPEN.set(true);
    }

    /** Opens one in the calling thread, which closes it too. */
    public static Inference open() {
        return new Inference();
    }

    /**
     * What a model makes of so many tokens at once. Where they are few on the processor, what is not shared out over lanes stays on the
     * calling thread ({@link Lanes#alone}).
     *
     * @param tokens of images, the states that a model makes of their patches
     */
    public static Tensor ofTokens(Model model, long tokens, Supplier<Tensor> work) {
        ModelDescription description = model.description();
        boolean few = tokens * description.hiddenSize() <= FEW_NUMBERS;
        return few && description.device().kind() == DeviceSpec.Kind.CPU ? Lanes.alone(work) : work.get();
    }

    /** Whether the calling thread has one open. */
    public static boolean isOpen() {
        return OPEN.get();
    }

    @Override
    public void close() {
        if (before) {
            OPEN.set(true);
        } else {
            OPEN.remove();
        }
        noGradients.close();
    }
}
