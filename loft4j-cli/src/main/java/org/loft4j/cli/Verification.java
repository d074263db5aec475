package org.loft4j.cli;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.adapter.PeftFiles;
import org.loft4j.io.TensorSource;
import org.loft4j.nn.EncoderDecoder;
import org.loft4j.nn.ImageInput;
import org.loft4j.nn.Losses;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelInput;
import org.loft4j.nn.SourceTargetInput;
import org.loft4j.nn.Task;
import org.loft4j.nn.TokenInput;
import org.loft4j.tensor.NativeScope;

/** Runs a model on given inputs and holds what comes out against tensors that another implementation made. */
final class Verification {
    private static final List<String> OUTPUTS = List.of("logits", "loss", "hidden_states", "logits_row0_nomask");

    private final LoadedModel loaded;
    private final Model model;
    private final TensorSource input;
    private final TensorSource expected;
    private final Tolerances tolerances;

    /** Largest differences: of logits and hidden states, absolute; of the loss, absolute; of gradients, relative. */
    record Tolerances(double logits, double loss, double gradients) {}

    Verification(LoadedModel loaded, TensorSource input, TensorSource expected, Tolerances tolerances) {
        this.loaded = loaded;
        this.model = loaded.model();
        this.input = input;
        this.expected = expected;
        this.tolerances = tolerances;
    }

    /**
     * All expected tensors under the prefix. {@code base} runs the model alone, {@code lora} with its adapter, {@code merged}
     * with the adapter merged into its weights; another prefix runs it as it is.
     */
    List<Difference> run(String prefix) throws IOException {
        LoraAdapter adapter = loaded.adapter();
        if (adapter == null) {
            return compare(prefix, null);
        }
        switch (prefix) {
            case "base":
                adapter.detach();
                try {
                    return compare(prefix, null);
                } finally {
                    adapter.attach();
                }
            case "merged":
                adapter.merge();
                try {
                    return compare(prefix, null);
                } finally {
                    adapter.unmerge();
                }
            default:
                return compare(prefix, adapter);
        }
    }

    private List<Difference> compare(String prefix, @Nullable LoraAdapter adapter) throws IOException {
        List<Difference> differences = new ArrayList<>();
        List<String> gradients = gradientKeys(prefix);
        try (NativeScope scope = new NativeScope();
                AutoGradMode recording = new AutoGradMode(!gradients.isEmpty())) {
            boolean images = model.task() == Task.IMAGE_CLASSIFICATION;
            Tensor mask = images ? null : onDeviceOrNull(findInput(prefix, "attention_mask"));
            boolean writes = model.task() == Task.SEQ2SEQ_LM;
            Tensor positions =
                    mask == null || writes ? null : mask.unsqueeze(-1).cpu();
            // where there are logits for each position, those of a padded one say nothing
            Tensor counts = model.task().isOneLabelEach() ? null : positions;
            if (!gradients.isEmpty()) {
                model.weights().asMap().values().forEach(weight -> weight.set_requires_grad(true));
            }
            ModelInput batch = images ? pixels(prefix) : writes ? texts(prefix, mask) : tokens(prefix, mask);
            Tensor logits = model.logits(batch);
            against(differences, prefix + ".logits", logits, counts, new Difference.Bound(false, tolerances.logits));
            if (has(prefix + ".loss") || !gradients.isEmpty()) {
                Tensor loss = loss(logits, labels(prefix, batch));
                against(differences, prefix + ".loss", loss, null, new Difference.Bound(false, tolerances.loss));
                if (!gradients.isEmpty()) {
                    loss.backward();
                    gradients(differences, prefix, gradients, adapter);
                }
            }
            try (AutoGradMode frozen = new AutoGradMode(false)) {
                Difference.Bound bound = new Difference.Bound(false, tolerances.logits);
                if (has(prefix + ".hidden_states")) {
                    against(differences, prefix + ".hidden_states", model.hiddenStates(batch), positions, bound);
                }
                if (has(prefix + ".logits_row0_nomask") && batch instanceof TokenInput tokens) {
                    Tensor logits0 = model.logits(firstRow(tokens));
                    against(differences, prefix + ".logits_row0_nomask", logits0, null, bound);
                }
            }
        }
        return differences;
    }

    private ModelInput pixels(String prefix) throws CheckpointException {
        return new ImageInput(onDevice(inputTensor(prefix, "pixel_values"))
                .to(model.description().dtype().scalarType()));
    }

    /** Texts to read, and what is written: {@code decoder_input_ids}, else the labels behind the token that writing begins with. */
    private ModelInput texts(String prefix, @Nullable Tensor mask) throws CheckpointException {
        Tensor written = findInput(prefix, "decoder_input_ids");
        TokenInput source = tokens(prefix, mask);
        if (written != null) {
            return new SourceTargetInput(source, onDevice(written));
        }
        Tensor labels = findInput(prefix, "labels");
        if (labels == null) {
            throw new CheckpointException(
                    input.path(), "holds neither decoder_input_ids nor labels, of which one tells what is written");
        }
        EncoderDecoder writer = (EncoderDecoder) model;
        Scalar first = new Scalar(writer.startId());
        Tensor shifted = labels.roll(new long[] {1}, 1);
        if (writer.beginsWithLast()) {
            Tensor places = labels.ge(new Scalar(0)).sum(1).sub(new Scalar(1)).unsqueeze(1);
            shifted.narrow(1, 0, 1).copy_(labels.gather(1, places));
        } else {
            shifted.narrow(1, 0, 1).fill_(first);
        }
        return new SourceTargetInput(source, onDevice(shifted.masked_fill(shifted.lt(new Scalar(0)), first)));
    }

    private TokenInput tokens(String prefix, @Nullable Tensor mask) throws CheckpointException {
        Tensor types = onDeviceOrNull(findInput(prefix, "token_type_ids"));
        TokenInput batch = new TokenInput(onDevice(inputTensor(prefix, "input_ids")), mask, types);
        batch.check(model.description().vocabularySize());
        return batch;
    }

    private static TokenInput firstRow(TokenInput batch) {
        Tensor types = batch.tokenTypeIds();
        return new TokenInput(batch.inputIds().narrow(0, 0, 1), null, types == null ? null : types.narrow(0, 0, 1));
    }

    private void gradients(
            List<Difference> differences, String prefix, List<String> keys, @Nullable LoraAdapter adapter)
            throws IOException {
        Map<String, Tensor> factors = adapter == null ? Map.of() : PeftFiles.gradients(adapter, model);
        Difference.Bound bound = new Difference.Bound(true, tolerances.gradients);
        for (String key : keys) {
            String name = key.substring(key.indexOf("grad.", prefix.length()) + "grad.".length());
            Tensor factor = factors.get(PeftFiles.nameInFile(name));
            Tensor parameter = model.weights().find(name);
            if (factor != null) {
                against(differences, key, factor, null, bound);
            } else if (parameter == null) {
                differences.add(Difference.missing(key, bound, "there is no such parameter in the model"));
            } else if (!parameter.grad().defined()) {
                differences.add(Difference.missing(key, bound, "the loss does not depend on the parameter"));
            } else {
                against(differences, key, parameter.grad(), null, bound);
            }
        }
        model.weights().asMap().values().forEach(weight -> {
            forget(weight);
            weight.set_requires_grad(false);
        });
        if (adapter != null) {
            adapter.layers().values().forEach(layer -> {
                forget(layer.loraA());
                forget(layer.loraB());
                Tensor magnitude = layer.magnitude();
                if (magnitude != null) {
                    forget(magnitude);
                }
            });
        }
    }

    private static void forget(Tensor leaf) {
        if (leaf.grad().defined()) {
            leaf.mutable_grad().reset();
        }
    }

    private List<String> gradientKeys(String prefix) {
        return expected.names().stream()
                .filter(name -> name.startsWith(prefix + ".grad.") || name.startsWith(prefix + ".fullgrad."))
                .toList();
    }

    private void against(
            List<Difference> differences, String key, Tensor actual, @Nullable Tensor mask, Difference.Bound bound)
            throws CheckpointException {
        if (has(key)) {
            try (NativeScope scope = new NativeScope()) {
                differences.add(Difference.of(key, actual, expected.read(key), mask, bound));
            }
        }
    }

    private Tensor loss(Tensor logits, Tensor labels) {
        return switch (model.task()) {
            case CAUSAL_LM -> Losses.causalLm(logits, labels);
            // there, too, a label stands where it is told
            case TOKEN_CLASSIFICATION, SEQ2SEQ_LM -> Losses.tokenClassification(logits, labels);
            case SENTENCE_EMBEDDING -> throw new IllegalStateException("sentence embeddings have no logits");
            case SEQUENCE_CLASSIFICATION, IMAGE_CLASSIFICATION ->
                model.isRegression()
                        ? Losses.regression(logits, labels)
                        : model.isMultiLabel()
                                ? Losses.multiLabel(logits, labels)
                                : Losses.classification(logits, labels);
        };
    }

    /** A language model without labels is scored on its own input. */
    private Tensor labels(String prefix, ModelInput batch) throws CheckpointException {
        Tensor labels = findInput(prefix, "labels");
        if (labels != null) {
            return onDevice(labels);
        }
        if (model.task() != Task.CAUSAL_LM) {
            throw new CheckpointException(input.path(), "holds no labels, which the loss needs");
        }
        TokenInput tokens = TokenInput.of(batch);
        Tensor mask = tokens.attentionMask();
        return mask == null
                ? tokens.inputIds()
                : tokens.inputIds().masked_fill(mask.eq(new Scalar(0)), new Scalar(Losses.IGNORED));
    }

    private boolean has(String key) {
        return expected.names().contains(key);
    }

    /** Whether there is anything to compare under the prefix. */
    boolean knows(String prefix) {
        return OUTPUTS.stream().anyMatch(output -> has(prefix + "." + output))
                || !gradientKeys(prefix).isEmpty();
    }

    private Tensor inputTensor(String prefix, String name) throws CheckpointException {
        Tensor tensor = findInput(prefix, name);
        if (tensor == null) {
            throw new CheckpointException(input.path(), "holds no tensor " + name);
        }
        return tensor;
    }

    private @Nullable Tensor findInput(String prefix, String name) throws CheckpointException {
        for (String candidate : List.of(name, prefix + "." + name)) {
            if (input.names().contains(candidate)) {
                return input.read(candidate);
            }
        }
        return null;
    }

    private Tensor onDevice(Tensor tensor) {
        return tensor.to(model.description().device().torch(), tensor.scalar_type());
    }

    private @Nullable Tensor onDeviceOrNull(@Nullable Tensor tensor) {
        return tensor == null ? null : onDevice(tensor);
    }
}
