package org.loft4j.adapter;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.nn.Linear;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelDescription;
import org.loft4j.nn.ModelInput;
import org.loft4j.nn.Pooling;
import org.loft4j.nn.Task;
import org.loft4j.nn.TokenInput;
import org.loft4j.nn.Weights;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** Two blocks of two linear layers, an embedding and a head: enough of a model to hang adapters on. */
final class TinyModel implements Model {
    static final int VOCABULARY = 11;
    static final int HIDDEN = 6;
    static final int INNER = 10;
    static final int LABELS = 3;

    private final Weights weights = new Weights();
    private final Map<String, Linear> linears = new LinkedHashMap<>();
    private final Task task;
    private final Linear head;

    TinyModel(Task task, Dtype dtype, boolean tied, long seed) {
        this.task = task;
        Random random = new Random(seed);
        try (NativeScope scope = new NativeScope()) {
            Tensor embedding = put("model.embed.weight", random, dtype, VOCABULARY, HIDDEN);
            for (int i = 0; i < 2; i++) {
                linear("model.layers." + i + ".mlp.up_proj", random, dtype, INNER, HIDDEN, true);
                linear("model.layers." + i + ".mlp.down_proj", random, dtype, HIDDEN, INNER, false);
            }
            if (task == Task.CAUSAL_LM) {
                head = tied
                        ? add(new Linear("lm_head", embedding, null))
                        : linear("lm_head", random, dtype, VOCABULARY, HIDDEN, false);
            } else {
                head = linear("classifier", random, dtype, LABELS, HIDDEN, true);
            }
        }
    }

    private Tensor put(String name, Random random, Dtype dtype, long... shape) {
        long count = 1;
        for (long size : shape) {
            count *= size;
        }
        double[] values = random.doubles(count, -0.6, 0.6).toArray();
        return weights.put(
                name, Tensors.of(values, shape).to(dtype.scalarType()).clone());
    }

    private Linear linear(String path, Random random, Dtype dtype, long out, long in, boolean withBias) {
        Tensor weight = put(path + ".weight", random, dtype, out, in);
        @Nullable Tensor bias = withBias ? put(path + ".bias", random, dtype, out) : null;
        return add(new Linear(path, weight, bias));
    }

    private Linear add(Linear linear) {
        linears.put(linear.path(), linear);
        return linear;
    }

    @Override
    public Task task() {
        return task;
    }

    @Override
    public ModelDescription description() {
        List<String> labels = task == Task.CAUSAL_LM ? List.of() : List.of("a", "b", "c");
        Pooling pooling = task == Task.CAUSAL_LM ? null : Pooling.MEAN;
        return new ModelDescription(
                "tiny", VOCABULARY, 64, HIDDEN, Dtype.of(head.weight()), DeviceSpec.CPU, labels, pooling, null);
    }

    @Override
    public Tensor hiddenStates(ModelInput input) {
        Tensor ids = TokenInput.of(input).inputIds();
        Tensor x = torch.embedding(weights.get("model.embed.weight"), ids);
        for (int i = 0; i < 2; i++) {
            Tensor inner =
                    torch.tanh(linears.get("model.layers." + i + ".mlp.up_proj").forward(x));
            x = x.add(linears.get("model.layers." + i + ".mlp.down_proj").forward(inner));
        }
        return x;
    }

    @Override
    public Tensor logits(ModelInput input) {
        Tensor x = hiddenStates(input);
        return head.forward(task == Task.CAUSAL_LM ? x : x.mean(new long[] {1}));
    }

    @Override
    public Map<String, Linear> linears() {
        return linears;
    }

    @Override
    public Linear head() {
        return head;
    }

    @Override
    public Weights weights() {
        return weights;
    }

    @Override
    public void setTraining(boolean training) {}

    @Override
    public void setGradientCheckpointing(boolean checkpointing) {}

    @Override
    public void close() {
        weights.close();
    }
}
