package org.loft4j.train;

import java.util.Comparator;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.nn.ActivationCheckpoint;
import org.loft4j.nn.Attention;
import org.loft4j.nn.CausalDecoder;
import org.loft4j.nn.Decoder;
import org.loft4j.nn.DecoderBlock;
import org.loft4j.nn.Experts;
import org.loft4j.nn.Linear;
import org.loft4j.nn.LoadIn;
import org.loft4j.nn.Model;
import org.loft4j.nn.QuantizedWeight;
import org.loft4j.nn.RecurrentMixer;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Lanes;

/** The calculation of a {@link MemoryEstimate}. */
final class MemoryArithmetic {
    /** The Java machine, its heap, and libtorch with its buffers. */
    private static final long PROGRAM = 350_000_000;
    /** Logits of a language model at once; see {@link org.loft4j.nn.LanguageModelLoss}. */
    private static final long CHUNK = 1 << 23;

    private static final long LEAST_ROWS = 256;
    private static final int FLOAT = 4;
    /** Of products that oneDNN has compiled for half types on the processor: 1024 shapes, which the rows of experts soon have. */
    private static final long COMPILED = 1024 * 420_000L;

    private final Model model;
    private final MemoryPlan plan;
    private final DeviceSpec device;
    private final List<LayerShapes> layers;
    private final Map<String, Linear> adapted;
    private final int size;
    private final int wide;
    private final boolean half;

    MemoryArithmetic(Model model, MemoryPlan plan, DeviceSpec device) {
        this.model = model;
        this.plan = plan;
        this.device = device;
        LoraConfig lora = plan.lora();
        this.adapted = lora == null ? Map.of() : lora.layers(model);
        this.layers = LayerShapes.of(model, adapted.keySet());
        Dtype dtype = model.description().dtype();
        this.size = dtype.bytes();
        this.half = dtype.isHalf();
        this.wide = Math.max(size, FLOAT);
    }

    MemoryEstimate estimate() {
        long savedInFull = savedInFull();
        long factors = factorElements();
        long trained = plan.lora() == null ? model.weights().elements() : savedInFull;
        MemoryPlan.Load load = plan.load();
        long tokens = load.rows() * load.columns();
        boolean again = plan.config().gradientCheckpointing();
        long kept = LayerShapes.sum(layers, layer -> kept(layer, layer.tokens(load)));
        int group = model instanceof CausalDecoder ? ActivationCheckpoint.group(layers.size()) : 1;
        long groups = (layers.size() + group - 1) / group;
        // what each block is given of a token: what the norm of all reads, and what it makes
        long given = LayerShapes.sum(layers, layer -> 2 * layer.inputWidth()) * tokens * size;
        long lent = LayerShapes.sum(layers, layer -> layer.lends() ? kept(layer, tokens) : 0);
        long inputs = (group == 1 ? LayerShapes.sum(layers, layer -> layer.tokens(load)) : groups * tokens)
                        * model.description().hiddenSize()
                        * size
                + lent;
        LayerShapes largest = layers.stream()
                .max(Comparator.comparingLong(layer -> made(layer, layer.tokens(load), scores(layer), true)))
                .orElse(null);
        long own = 0;
        if (largest != null) {
            long ofLargest = largest.tokens(load);
            long whole = made(largest, ofLargest, scores(largest), true);
            own = ofLargest * size * largest.returned()
                    + (again ? group * whole : Math.max(0, whole - kept(largest, ofLargest)))
                    + widenedAtOnce(largest);
        }
        long ofAdapter = factors * wide + savedInFull * size;
        long state = plan.lora() == null ? 2 * trained * size : stateBytes() + 2 * savedInFull * size;
        return new MemoryEstimate(
                PROGRAM + (half && onProcessor() && !model.mixtures().isEmpty() ? COMPILED : 0),
                plan.rows().bytes(),
                weightBytes(),
                ofAdapter + beforeTraining(ofAdapter),
                state,
                movingElements(factors) * wide + gradients(trained),
                (again ? inputs : kept) + given + distances(load),
                loss(load.told()) + head(load.told()),
                own,
                lanes() > 1 ? trained * size : 0,
                Math.max(evaluation(), answers()),
                plan.config().saveInBackground() ? saved(factors, savedInFull) + state : 0);
    }

    /** Of what is trained in full: half types of several micro-batches are added up in float32, and in lanes a part waits. */
    private long gradients(long trained) {
        boolean several = plan.config().gradientAccumulationSteps() > 1;
        long waiting = lanes() > 1 ? Math.min(trained, LaneGradients.mostWaiting(trained)) : 0;
        return trained * (several ? wide : size) + waiting * size;
    }

    private long saved(long factors, long savedInFull) {
        return plan.lora() == null ? weightBytes() : factors * wide + savedInFull * size;
    }

    private long weightBytes() {
        long all = model.weights().elements() * size;
        // what the checkpoint has packed takes what it takes there
        for (QuantizedWeight packed : model.weights().quantized().values()) {
            all += packed.bytes() - packed.out() * packed.in() * size;
        }
        LoadIn loadIn = plan.loadIn();
        if (loadIn == LoadIn.FULL) {
            return all;
        }
        for (Map.Entry<String, Tensor> weight : model.weights().asMap().entrySet()) {
            if (isInFewerBits(weight.getKey(), weight.getValue())) {
                long numbers = weight.getValue().numel();
                // 8 bits and a scale a row; 4 bits, and 8 for each 64 of them (Nf4Weight)
                long few = loadIn == LoadIn.INT8
                        ? numbers + FLOAT * (numbers / weight.getValue().size(-1))
                        : (long) Math.ceil(numbers * 4.127 / 8);
                all += few - numbers * size;
            }
        }
        return all;
    }

    /** What a product widens at once of a matrix of experts that the checkpoint has packed. */
    private long widenedAtOnce(LayerShapes layer) {
        if (model.weights().quantized().isEmpty()) {
            return 0;
        }
        long largest = layer.expert().stream()
                .mapToLong(linear -> linear.outFeatures() * linear.inFeatures())
                .max()
                .orElse(0);
        // where they lie in the table, what is found there, and the same in the layer's type
        return Math.min(largest, QuantizedWeight.widenedAtOnce(device)) * (2 + FLOAT + size);
    }

    /** Matrices of linear layers and of experts, and the vectors of tokens; no classifier, and no router. */
    private boolean isInFewerBits(String name, Tensor weight) {
        boolean experts = model.mixtures().stream()
                .anyMatch(mixture -> mixture.among() instanceof Experts.Stacked stacked
                        && stacked.parameters().contains(name));
        if (experts) {
            return plan.lora() == null || !plan.lora().saves(name);
        }
        if (weight.dim() != 2 || (plan.lora() != null && plan.lora().saves(name))) {
            return false;
        }
        boolean tokens = weight.size(0) == model.description().vocabularySize();
        String path = name.endsWith(".weight") ? name.substring(0, name.length() - ".weight".length()) : name;
        boolean router = model.mixtures().stream()
                .anyMatch(mixture -> mixture.router().path().equals(path));
        return tokens
                || (model.linears().containsKey(path)
                        && !router
                        && !model.headModules().contains(path));
    }

    /** What an adapter trains in full beside its factors: a classifier's head, and what the configuration names. */
    private long savedInFull() {
        LoraConfig lora = plan.lora();
        if (lora == null) {
            return 0;
        }
        boolean classifies = model.task().isClassification();
        return model.weights().asMap().entrySet().stream()
                .filter(weight -> lora.saves(weight.getKey())
                        || (classifies
                                && model.headModules().stream()
                                        .anyMatch(module -> weight.getKey().startsWith(module + "."))))
                .mapToLong(weight -> weight.getValue().numel())
                .sum();
    }

    private long factorElements() {
        LoraConfig lora = plan.lora();
        if (lora == null) {
            return 0;
        }
        long magnitudes = plan.config().method() == Method.DORA ? 1 : 0;
        return adapted.values().stream()
                .mapToLong(layer -> lora.rankOf(layer.path()) * (layer.outFeatures() + layer.inFeatures())
                        + magnitudes * layer.outFeatures())
                .sum();
    }

    /** Those of the factors that get a gradient: LoRA-FA freezes A. */
    private long movingElements(long factors) {
        LoraConfig lora = plan.lora();
        if (lora == null || plan.config().method() != Method.LORA_FA) {
            return factors;
        }
        return adapted.values().stream()
                .mapToLong(layer -> lora.rankOf(layer.path()) * layer.outFeatures())
                .sum();
    }

    private long stateBytes() {
        LoraConfig lora = plan.lora();
        if (lora == null) {
            return 0;
        }
        return (long) adapted.values().stream()
                .mapToDouble(layer -> stateBytes(layer.outFeatures(), layer.inFeatures(), lora.rankOf(layer.path())))
                .sum();
    }

    private double stateBytes(long m, long n, long r) {
        double all = wide * plan.config().method().stateFloats(m, n, r);
        return plan.config().loft().bfloat16CrossTerms()
                ? all - (wide - Dtype.BF16.bytes()) * Method.crossTerms(m, n, r)
                : all;
    }

    private boolean isTrained(Linear linear) {
        return plan.lora() == null || adapted.containsKey(linear.path());
    }

    /** Whether the gradient of the weight, or of A, needs what a layer reads; a frozen A keeps nothing of it. */
    private boolean keepsInput(Linear linear) {
        return isTrained(linear) && plan.config().method() != Method.LORA_FA;
    }

    /** Of all rows and heads. */
    private long scores(LayerShapes layer) {
        return plan.attention().heads() * plan.load().rows() * layer.pairs(plan.load());
    }

    private long kept(LayerShapes layer, long tokens) {
        LoraConfig lora = plan.lora();
        long numbers = layer.kept(this::keepsInput)
                + layer.besideSinks(plan.attention().heads(), plan.load().columns());
        if (plan.attention().sumDropout()) {
            numbers += layer.dropped();
        }
        long ofRead = layer.writes() ? 2 * layer.heads() : 0;
        for (Linear linear : layer.withShared()) {
            if (lora != null && isTrained(linear)) {
                // what dropout kept, and its result as A's product reads it
                long dropped = (keepsInput(linear) ? 2 : 1) * linear.inFeatures();
                long kept = lora.rankOf(linear.path()) + (lora.dropout() > 0 ? dropped : 0);
                kept += plan.config().method() == Method.DORA ? 2 * linear.outFeatures() : 0;
                if (layer.looksBack(linear)) {
                    ofRead += kept;
                } else {
                    numbers += layer.rows(linear) * kept;
                }
            }
        }
        long read = plan.load().rows() * plan.load().columns();
        return tokens * (numbers * size + widened(layer))
                + read * ofRead * size
                + scores(layer) * bytesOfScore(layer, true);
    }

    /**
     * Bytes a token: norms that are trained themselves widen half types inside, and keep that ({@link org.loft4j.nn.RmsNorm}), and so
     * do some of queries and keys.
     */
    private long widened(LayerShapes layer) {
        long trained = plan.lora() == null ? 2 * layer.hidden() : 0;
        return half ? (trained + layer.widenedHeads()) * FLOAT : 0;
    }

    /** Bytes that a score leaves behind where attention is not fused. */
    private long bytesOfScore(LayerShapes layer, boolean training) {
        LayerShapes.Looks looks = layer.looks();
        if (looks != null && looks.bounded()) {
            // what bounds them and the probabilities, in half types those once more
            return training ? 2L * wide + (half ? size : 0) : 0;
        }
        if (training && plan.attention().dropout()) {
            return 3L * size;
        }
        if (training && plan.attention().distances() && plan.lora() == null) {
            // no fused kernel finds the gradient of what is added to the scores
            return wide;
        }
        // a call has those of a lane
        long lanes = lanes();
        long columns = plan.load().columns();
        long window = looks == null || looks.kind().window() == 0
                ? columns
                : looks.kind().window();
        boolean causalInLane = lanes > 1 && looks != null && (window >= columns || looks.isOurs());
        boolean kept = Attention.keepsScores(scores(layer) / lanes, columns, window, causalInLane);
        return half && training && kept ? FLOAT + size : 0;
    }

    /** What distances add to the scores, once for all layers; those of what is written are alike in all rows. */
    private long distances(MemoryPlan.Load load) {
        long read = load.rows() * load.columns() * load.columns();
        long written = 2 * load.written() * load.written();
        return plan.attention().distances() ? plan.attention().heads() * (read + written) * wide : 0;
    }

    /** Into how many parts a batch is cut, each of which goes over a core. */
    private long lanes() {
        return onProcessor() ? Math.max(1, Lanes.forRows(plan.load().rows())) : 1;
    }

    private boolean onProcessor() {
        return device.kind() == DeviceSpec.Kind.CPU;
    }

    private long made(LayerShapes layer, long tokens, long scores, boolean training) {
        long dropped = training && plan.attention().sumDropout() ? 2 * layer.dropped() : 0;
        long ofScores = bytesOfScore(layer, training);
        LayerShapes.Looks looks = layer.looks();
        if (looks != null && looks.bounded()) {
            // the product, scaled, bounded and once more scaled, before they are probabilities
            ofScores = 5L * wide;
        }
        return tokens * ((layer.made() + dropped) * size + widened(layer))
                + layer.insideMemory(tokens, lanes(), plan.load()) * wide
                + scores * (ofScores == 0 ? 0 : ofScores + 2L * size);
    }

    private long loss(long tokens) {
        if (!model.task().writes()) {
            return 0;
        }
        long vocabulary = model.head().outFeatures();
        long rows = Math.min(tokens, Math.max(LEAST_ROWS, CHUNK / vocabulary));
        // the product, in half types the product once more in float32, its logarithms, and the gradient as it goes
        // back
        long ofLogit = half ? 2L * size + 2L * FLOAT : 2L * size;
        if (model instanceof Decoder decoder) {
            double temperature = plan.config().loss().rewards().draw().temperature();
            ofLogit += (long) decoder.logitScale().at(temperature).copies() * size;
        }
        long hidden = 2 * tokens * model.description().hiddenSize() * size;
        return rows * vocabulary * ofLogit + hidden;
    }

    /** The gradient of a language model's head while its parts are added up; in half types in float32, by each lane for itself. */
    private long head(long tokens) {
        LoraConfig lora = plan.lora();
        boolean learnt = model.task().writes()
                && (lora == null || lora.saves(model.head().path()));
        if (!learnt) {
            return 0;
        }
        long numbers = model.head().outFeatures() * model.description().hiddenSize();
        long rows = Math.max(LEAST_ROWS, CHUNK / model.head().outFeatures());
        return numbers * (half && tokens > rows ? lanes() * (FLOAT + size) : size);
    }

    /**
     * What the caches of prompts and their answers hold, of keys and values with room for as many again, of a memory a text; and the
     * logits of what comes next.
     */
    private long answers() {
        MemoryPlan.Load load = plan.load();
        if (!(model instanceof CausalDecoder decoder) || load.cached() == 0) {
            return 0;
        }
        long texts = Math.max(load.rows(), load.evalRows());
        long bytes =
                texts * model.head().outFeatures() * (1 + decoder.logitScale().copies()) * size;
        for (DecoderBlock block : decoder.blocks()) {
            bytes += 2 * load.cached() * size * block.attention().cached();
            bytes += block.attention() instanceof RecurrentMixer mixer ? texts * wide * mixer.remembered() : 0;
        }
        return bytes;
    }

    /** Factors and modules as they were before training, and a copy of what they are while those are looked at. */
    private long beforeTraining(long adapter) {
        return plan.load().cached() > 0 && plan.config().loss().rewards().beta() > 0 ? 2 * adapter : 0;
    }

    /** Of its own largest layer: where rows are of another length, that may be another. */
    private long evaluation() {
        if (plan.load().evalRows() == 0 || layers.isEmpty()) {
            return 0;
        }
        MemoryPlan.Load load = plan.load().ofEvaluation();
        long heads = plan.attention().heads() * load.rows();
        long made = layers.stream()
                .mapToLong(layer -> made(layer, layer.tokens(load), heads * layer.pairs(load), false))
                .max()
                .orElse(0);
        return made + loss(load.told()) + distances(load);
    }
}
