package org.loft4j.infer;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.nn.ModelDescription;
import org.loft4j.nn.PromptSampler;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/**
 * Leads the {@link Beams} of a batch through a model. A prompt is read once, and then each of its beams a token at a time; what has
 * been read of a beam is copied where it goes on as another one alone.
 */
final class BeamSearch {
    private BeamSearch() {}

    /**
     * Searches for the best texts.
     *
     * @param all one for each prompt
     * @param columns one row for each
     * @param listener hears of a text when it has come to its end
     */
    static List<Continuation> of(
            List<Beams> all, ReadColumns columns, ModelDescription model, PromptSampler.Listener listener) {
        Continuation[] made = new Continuation[all.size()];
        int[] numbers = IntStream.range(0, made.length).toArray();
        while (numbers.length > 0) {
            listener.onStep();
            int[] starts = starts(all, numbers);
            try (Tensor logits = columns.next()) {
                for (int i = 0; i < numbers.length; i++) {
                    int start = starts[i];
                    all.get(numbers[i]).step(beam -> logProbs(logits, start + beam, model));
                }
            }
            List<Integer> rows = new ArrayList<>();
            List<Integer> texts = new ArrayList<>();
            List<Long> next = new ArrayList<>();
            for (int i = 0; i < numbers.length; i++) {
                Beams beams = all.get(numbers[i]);
                if (beams.isOpen()) {
                    texts.add(i);
                    int start = starts[i];
                    Arrays.stream(beams.from()).forEach(from -> rows.add(start + from));
                    Arrays.stream(beams.next()).forEach(next::add);
                } else {
                    made[numbers[i]] = beams.told(listener);
                }
            }
            if (!texts.isEmpty()) {
                columns.keepRows(ints(rows), ints(texts));
                columns.add(next.stream().mapToLong(id -> id).toArray());
            }
            int[] before = numbers;
            numbers = texts.stream().mapToInt(i -> before[i]).toArray();
        }
        return List.of(made);
    }

    /** In which row of the batch the beams of each prompt begin. */
    private static int[] starts(List<Beams> all, int[] numbers) {
        int[] starts = new int[numbers.length];
        for (int i = 1; i < starts.length; i++) {
            starts[i] = starts[i - 1] + all.get(numbers[i - 1]).count();
        }
        return starts;
    }

    private static float[] logProbs(Tensor logits, int row, ModelDescription model) {
        try (NativeScope scope = new NativeScope()) {
            Tensor own = logits.select(0, row).to(Dtype.F32.scalarType());
            float[] logProbs = Tensors.toFloats(own.log_softmax(-1));
            FiniteLogits.require(logProbs, model);
            return logProbs;
        }
    }

    private static int[] ints(List<Integer> list) {
        return list.stream().mapToInt(i -> i).toArray();
    }
}
