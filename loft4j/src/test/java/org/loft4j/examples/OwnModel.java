package org.loft4j.examples;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Generator;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.loft4j.nn.ActivationCheckpoint;
import org.loft4j.nn.Linear;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelDescription;
import org.loft4j.nn.ModelInput;
import org.loft4j.nn.ParameterSpec;
import org.loft4j.nn.ParameterSpec.Initial;
import org.loft4j.nn.Pooling;
import org.loft4j.nn.Task;
import org.loft4j.nn.TokenInput;
import org.loft4j.nn.Weights;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;

/**
 * A model of one's own: the mean of a text's embeddings, two layers, and a classifier. An adapter finds its layers by their
 * paths in {@link #linears}, and takes them over where the model asks them for their output.
 */
final class OwnModel implements Model {
    private static final int HIDDEN = 16;

    private final Weights weights = new Weights();
    private final Map<String, Linear> linears = new LinkedHashMap<>();
    private final int vocabulary;
    private final List<String> labels;
    private boolean checkpointing;

    OwnModel(int vocabulary, List<String> labels, long seed) {
        this.vocabulary = vocabulary;
        this.labels = labels;
        try (NativeScope scope = new NativeScope()) {
            Generator random = ParameterSpec.generator(seed);
            parameter(random, "embeddings.weight", Initial.NORMAL, vocabulary, HIDDEN);
            for (String path : List.of("layers.0.dense", "layers.1.dense")) {
                linear(random, path, HIDDEN);
            }
            linear(random, "classifier", labels.size());
        }
    }

    private void linear(Generator random, String path, long out) {
        parameter(random, path + ".weight", Initial.NORMAL, out, HIDDEN);
        parameter(random, path + ".bias", Initial.ZEROS, out);
        linears.put(path, weights.linear(path));
    }

    private void parameter(Generator random, String name, Initial initial, long... shape) {
        weights.put(name, new ParameterSpec(name, initial, shape).create(0.4, Dtype.F32, DeviceSpec.CPU, random));
    }

    @Override
    public Tensor hiddenStates(ModelInput input) {
        TokenInput tokens = TokenInput.of(input);
        tokens.check(vocabulary);
        Tensor x = torch.embedding(weights.get("embeddings.weight"), tokens.inputIds());
        for (String path : List.of("layers.0.dense", "layers.1.dense")) {
            Linear layer = linears.get(path);
            x = checkpointing
                    ? ActivationCheckpoint.apply(in -> in.add(layer.forward(in).tanh()), x)
                    : x.add(layer.forward(x).tanh());
        }
        return x;
    }

    @Override
    public Tensor logits(ModelInput input) {
        TokenInput tokens = TokenInput.of(input);
        Tensor states = hiddenStates(tokens);
        Tensor mask = tokens.attentionMask();
        Tensor weight = mask == null ? torch.ones_like(tokens.inputIds()) : mask;
        Tensor share = weight.div(weight.sum(new long[] {1}, true, null)).unsqueeze(1);
        return head().forward(share.to(states.scalar_type()).matmul(states).squeeze(1));
    }

    @Override
    public Task task() {
        return Task.SEQUENCE_CLASSIFICATION;
    }

    @Override
    public ModelDescription description() {
        return new ModelDescription(
                "own", vocabulary, 512, HIDDEN, Dtype.F32, DeviceSpec.CPU, labels, Pooling.MEAN, null);
    }

    @Override
    public Map<String, Linear> linears() {
        return linears;
    }

    @Override
    public Linear head() {
        return linears.get("classifier");
    }

    @Override
    public Weights weights() {
        return weights;
    }

    @Override
    public void setTraining(boolean training) {
        // no dropout
    }

    @Override
    public void setGradientCheckpointing(boolean checkpointing) {
        this.checkpointing = checkpointing;
    }

    @Override
    public void close() {
        weights.close();
    }
}
