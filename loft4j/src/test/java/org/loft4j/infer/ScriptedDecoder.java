package org.loft4j.infer;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.function.IntFunction;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.nn.Decoder;
import org.loft4j.tensor.Tensors;

/** A decoder that predicts what a test says, and is a model otherwise. */
final class ScriptedDecoder {
    private ScriptedDecoder() {}

    /** Hears of a call for next logits. */
    interface Call {
        void of(long rows, long columns);
    }

    /** A decoder as it is, of whose calls for next logits are told the rows, and the columns that are read. */
    static Decoder heard(Decoder model, Call call) {
        return (Decoder) Proxy.newProxyInstance(
                Decoder.class.getClassLoader(), new Class<?>[] {Decoder.class}, (proxy, method, arguments) -> {
                    if (method.getName().equals("nextLogits")) {
                        Tensor ids = (Tensor) arguments[0];
                        call.of(ids.size(0), ids.size(1));
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
