package org.loft4j.tensor;

import org.bytedeco.pytorch.Generator;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;

/**
 * Random numbers on the processor for one thread alone, until it is closed: threads that drew from libtorch's one generator
 * would get what the order of their turns happens to be.
 */
public final class RandomStream implements AutoCloseable {
    private static final ThreadLocal<@Nullable Generator> CURRENT = new ThreadLocal<>();

    private final Generator generator;

    private RandomStream(Generator generator) {
        this.generator = generator;
    }

    /** The calling thread draws from a stream of this seed from now on. */
    public static RandomStream open(long seed) {
        Engine.start();
        if (CURRENT.get() != null) {
            throw new IllegalStateException("the thread draws from a stream already: close that first");
        }
        RandomStream stream = new RandomStream(NativeScope.keep(torch.make_generator_cpu(seed)));
        CURRENT.set(stream.generator);
        return stream;
    }

    /** That of the calling thread; null where it draws from libtorch's. */
    public static @Nullable Generator current() {
        return CURRENT.get();
    }

    @Override
    public void close() {
        CURRENT.remove();
        generator.close();
    }
}
