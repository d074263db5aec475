package org.loft4j.infer;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.function.IntFunction;
import java.util.function.LongConsumer;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.nn.Decoder;
import org.loft4j.tensor.Tensors;

/** A decoder that predicts what a test says, and is a model otherwise. */
final class ScriptedDecoder {
    private ScriptedDecoder() {}

    /** A decoder as it is, of which the rows of each call for next logits are told. */
    static Decoder heard(Decoder model, LongConsumer rows) {
        return (Decoder) Proxy.newProxyInstance(
                Decoder.class.getClassLoader(), new Class<?>[] {Decoder.class}, (proxy, method, arguments) -> {
                    if (method.getName().equals("nextLogits")) {
                        rows.accept(((Tensor) arguments[0]).size(0));
                    }
                    return method.invoke(model, arguments);
                });
    }

    /** @param logits of a row, by how many tokens have been predicted; the same for all rows of a batch */
    static Decoder of(Decoder model, IntFunction<float[]> logits) {
        int[] predicted = {0};
        return (Decoder) Proxy.newProxyInstance(
                Decoder.class.getClassLoader(), new Class<?>[] {Decoder.class}, (proxy, method, arguments) -> {
                    if (!method.getName().equals("nextLogits")) {
                        try {
                            return method.invoke(model, arguments);
                        } catch (InvocationTargetException e) {
                            throw e.getCause();
                        }
                    }
                    long rows = ((Tensor) arguments[0]).size(0);
                    float[] row = logits.apply(predicted[0]++);
                    return Tensors.of(row, 1, row.length).expand(rows, -1);
                });
    }

    /** Predicts these ids one after the other. */
    static Decoder saying(Decoder model, long... ids) {
        return of(model, i -> {
            float[] row = new float[(int) model.description().vocabularySize()];
            row[(int) ids[i]] = 1;
            return row;
        });
    }
}
