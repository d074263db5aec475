package org.loft4j.tensor;

import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * Owns every native object that its thread creates while it is open, and frees them on close. Scopes nest: the innermost
 * open one owns. One scope a step, a batch or a generated token. A tensor that must outlive its scope leaves through
 * {@link #keep}; whoever keeps it closes it.
 */
public final class NativeScope implements AutoCloseable {
    static {
        Engine.start();
    }

    private final @Nullable PointerScope enclosing = PointerScope.getInnerScope();
    private final PointerScope scope = new PointerScope();

    /**
     * Makes the caller the owner of the object, a tensor as a rule, which then survives the scope that it was created in.
     * The owner frees it with {@link Pointer#close()}.
     */
    public static <P extends Pointer> P keep(P object) {
        object.retainReference();
        return object;
    }

    /**
     * Hands the tensor on to the scope around this one, which then frees it. What else this scope made is freed on close, as
     * far as no gradient needs it: a scope around each layer of a model bounds the memory of a forward pass.
     */
    public Tensor toEnclosing(Tensor tensor) {
        if (enclosing == null) {
            throw new IllegalStateException("no scope is open around this one: open one around the whole computation");
        }
        enclosing.attach(tensor);
        return tensor;
    }

    /**
     * Number of native objects that are alive and known to the JVM. Back at its baseline when nothing leaks, but for tables that
     * are made once and stay. Zero under {@code org.bytedeco.javacpp.nopointergc}, which keeps no account of them.
     */
    public static long liveObjects() {
        return Pointer.totalCount();
    }

    @Override
    public void close() {
        scope.close();
    }
}
