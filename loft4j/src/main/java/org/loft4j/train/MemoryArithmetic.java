package org.loft4j.train;

import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.nn.ActivationCheckpoint;
import org.loft4j.nn.CausalDecoder;
import org.loft4j.nn.DecoderBlock;
import org.loft4j.nn.Linear;
import org.loft4j.nn.LoadIn;
import org.loft4j.nn.MixtureOfExperts;
import org.loft4j.nn.Model;
import org.loft4j.nn.QuantizedWeight;
import org.loft4j.nn.RecurrentMixer;
import org.loft4j.nn.StackedLinears;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Lanes;
import org.loft4j.tensor.NativeHeap;

/** The calculation of a {@link MemoryEstimate}. */
final class MemoryArithmetic {
    /** The Java machine, its heap, and libtorch with its buffers. */
    private static final long PROGRAM = 380_000_000;

    private static final int FLOAT = 4;
    /** What oneDNN keeps of a product that it has compiled, for half types on the processor, and how many it keeps. */
    private static final long COMPILED = 330_000;

    private static final long MOST_COMPILED = 1024;

    /** Products of a matrix, forward and back: by itself, and where there is an adapter those of its factors too. */
    private static final long PRODUCTS = 3;

    private static final long PRODUCTS_WITH_FACTORS = 9;

    /** Numbers of rows that experts get: what five powers of two hold (see HalfRows). */
    private static final long ROWS_OF_EXPERTS = 40;

    private final Model model;
    private final MemoryPlan plan;
    private final DeviceSpec device;
    private final List<LayerShapes> layers;
    private final long lanes;
    private final LossMemory loss;
    private final AttentionMemory attention;
    private final Map<String, Linear> adapted;
    private final int size;
    private final int wide;
    private final boolean half;

    MemoryArithmetic(Model model, MemoryPlan plan, DeviceSpec device) {
        this.model = model;
        this.device = device;
        LoraConfig lora = plan.lora();
        this.adapted = lora == null ? Map.of() : lora.layers(model);
        this.layers = LayerShapes.of(model, adapted.keySet());
        Dtype dtype = model.description().dtype();
        this.size = dtype.bytes();
        this.half = dtype.isHalf();
        this.plan = half && onProcessor()
                ? plan.with(
                        plan.config(),
                        plan.loadIn(),
                        plan.load().filled(model.description().maxPositions()))
                : plan;
        this.lanes = lanes();
        this.loss = new LossMemory(model, this.plan, onProcessor(), lanes);
        this.wide = Math.max(size, FLOAT);
        this.attention = new AttentionMemory(this.plan, dtype, onProcessor(), lanes);
    }

    MemoryEstimate estimate() {
        long trained = inFull().sum();
        long savedInFull = plan.lora() == null ? 0 : trained;
        long factors = factorElements();
        MemoryPlan.Load load = plan.load();
        long tokens = load.rows() * load.columns();
        boolean again = plan.config().gradientCheckpointing();
        long kept = LayerShapes.sum(layers, layer -> kept(layer, layer.tokens(load)));
        int group = model instanceof CausalDecoder ? ActivationCheckpoint.group(layers.size()) : 1;
        long groups = (layers.size() + group - 1L) / group;
        // what each block is given of a token: what the norm of all reads, and what it makes
        long given = LayerShapes.sum(layers, layer -> 2 * layer.inputWidth()) * tokens * size;
        long lent = LayerShapes.sum(layers, layer -> layer.lends() ? kept(layer, tokens) : 0);
        long inputs = (group == 1 ? LayerShapes.sum(layers, layer -> layer.tokens(load)) : groups * tokens)
                        * model.description().hiddenSize()
                        * size
                + lent;
        LayerShapes largest = layers.stream()
                .max(Comparator.comparingLong(layer -> made(layer, layer.tokens(load), attention.scores(layer), true)))
                .orElse(null);
        long own = 0;
        if (largest != null) {
            long ofLargest = largest.tokens(load);
            long whole = made(largest, ofLargest, attention.scores(largest), true);
            own = ofLargest * size * largest.returned()
                    + (again ? group * whole : Math.max(0, whole - kept(largest, ofLargest)))
                    + widenedAtOnce(largest);
        }
        long ofAdapter = factors * wide + savedInFull * size;
        long state = plan.lora() == null ? 2 * trained * size : stateBytes() + 2 * savedInFull * size;
        return new MemoryEstimate(
                PROGRAM + compiled(),
                plan.rows().bytes(),
                weightBytes(),
                ofAdapter + beforeTraining(ofAdapter),
                state,
                movingElements(factors) * wide + gradients(trained),
                isAccumulating() ? (movingElements(factors) + trained) * wide : 0,
                (again ? inputs : kept) + given + attention.distances(load),
                loss.training(load.told()) + loss.head(load.told()),
                own,
                lanes > 1 ? scattered() : 0,
                Math.max(evaluation(), answers()),
                plan.config().saveInBackground() ? saved(factors, savedInFull) + state : 0);
    }

    /** Of products whose shapes differ from those of the largest batch. */
    private long compiled() {
        if (!half || !onProcessor()) {
            return 0;
        }
        Set<Linear> experts = model.mixtures().stream()
                .map(MixtureOfExperts::among)
                .flatMap(among -> among.linears().isEmpty()
                        ? among.matrices().stream().flatMap(stack -> stack.all().stream())
                        : among.linears().stream())
                .collect(Collectors.toSet());
        Set<List<Long>> ofExperts = shapes(experts.stream());
        Set<List<Long>> shapes = shapes(model.linears().values().stream().filter(linear -> !experts.contains(linear)));
        long numbers = shapes.size() * (plan.load().shapes() - 1) + ofExperts.size() * ROWS_OF_EXPERTS;
        return Math.min(MOST_COMPILED, numbers * (plan.lora() == null ? PRODUCTS : PRODUCTS_WITH_FACTORS)) * COMPILED;
    }

    private static Set<List<Long>> shapes(Stream<Linear> linears) {
        return linears.map(linear -> List.of(linear.outFeatures(), linear.inFeatures()))
                .collect(Collectors.toSet());
    }

    /** Of what is trained in full: half types of several micro-batches are added up in float32, and in lanes a part waits. */
    private long gradients(long trained) {
        long waiting = lanes > 1 ? Math.min(trained, LaneGradients.mostWaiting(trained)) : 0;
        return trained * (isAccumulating() ? wide : size) + waiting * size;
    }

    private boolean isAccumulating() {
        return plan.config().gradientAccumulationSteps() > 1;
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
                long ofExperts = StackedLinears.inOf(model, weight.getKey());
                long in = ofExperts > 0 ? ofExperts : weight.getValue().size(-1);
                long few = loadIn == LoadIn.INT8
                        ? numbers + FLOAT * (numbers / in)
                        : (long) Math.ceil(numbers * 4.127 / 8);
                all += few - numbers * size;
            }
        }
        return all;
    }

    /** What a product widens at once of a matrix in fewer bits, or of experts that the checkpoint has packed. */
    private long widenedAtOnce(LayerShapes layer) {
        Collection<Linear> packed = model.weights().quantized().isEmpty() ? List.of() : layer.expert();
        Collection<Linear> narrow =
                plan.loadIn() == LoadIn.FULL ? packed : model.linears().values();
        long largest = narrow.stream()
                .mapToLong(linear -> QuantizedWeight.widenedAtOnce(device, linear.outFeatures(), linear.inFeatures()))
                .max()
                .orElse(0);
        // where they lie in the table, what is found there, and the same in the layer's type
        return largest * (2 + FLOAT + size);
    }

    /** Matrices of linear layers and of experts, and the vectors of tokens; no classifier, and no router. */
    private boolean isInFewerBits(String name, Tensor weight) {
        if (StackedLinears.inOf(model, name) > 0) {
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

    /**
     * Sizes in numbers of what is trained itself: the model, or what an adapter trains in full beside its factors, a classifier's head
     * and what the configuration names.
     */
    private LongStream inFull() {
        LoraConfig lora = plan.lora();
        boolean classifies = model.task().isClassification();
        return model.weights().asMap().entrySet().stream()
                .filter(weight -> lora == null
                        || lora.saves(weight.getKey())
                        || (classifies
                                && model.headModules().stream()
                                        .anyMatch(module -> weight.getKey().startsWith(module + "."))))
                .mapToLong(weight -> weight.getValue().numel());
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

    private long kept(LayerShapes layer, long tokens) {
        LoraConfig lora = plan.lora();
        long numbers = layer.kept(this::keepsInput)
                + layer.besideSinks(plan.attention().heads(), plan.load().columns())
                // queries and keys in the scale of the scores
                + (plan.attention().disentangled() ? 2 * layer.hidden() : 0);
        long bytesOfDropout = layer.keptByDropout(plan.attention().sumDropout());
        long ofRead = layer.writes() ? 2 * layer.heads() : 0;
        for (Linear linear : layer.withShared()) {
            if (lora != null && isTrained(linear)) {
                // which numbers stay, and DoRA's, or libtorch's elsewhere, as A's product reads them
                boolean drops = lora.dropout() > 0;
                boolean dora = plan.config().method() == Method.DORA;
                bytesOfDropout += drops ? linear.inFeatures() * layer.rows(linear) : 0;
                boolean left = drops && keepsInput(linear) && (dora || !onProcessor());
                long kept = lora.rankOf(linear.path()) + (left ? linear.inFeatures() : 0);
                kept += dora ? MagnitudeMemory.kept(layer, linear, lora, half) : 0;
                if (layer.looksBack(linear)) {
                    ofRead += kept;
                } else {
                    numbers += layer.rows(linear) * kept;
                }
            }
        }
        long read = plan.load().rows() * plan.load().columns();
        // the result is there in either type
        long wideHeads = attention.wideHeads(layer, true);
        return tokens
                        * (numbers * size
                                + bytesOfDropout
                                + widened(layer)
                                + wideHeads * FLOAT
                                - wideHeads * 3 / 4 * size)
                + read * ofRead * size
                + attention.scores(layer) * attention.keptOfScore(layer, true);
    }

    /**
     * Bytes a token: norms that are trained themselves widen half types inside, and keep that ({@link org.loft4j.nn.RmsNorm}); those of
     * queries and keys keep what they read, some of them widened.
     */
    private long widened(LayerShapes layer) {
        long trained = plan.lora() == null ? 2 * layer.hidden() : 0;
        // what is normed is read again for the gradient of its weights
        long ofHeads = (plan.lora() == null ? 2 : 1) * layer.normedHeads();
        return (half ? trained * FLOAT : 0) + ofHeads * (half && layer.widensHeads() ? FLOAT : size);
    }

    /** Into how many parts a batch is cut, each of which goes over a core; one where a gradient is too large for each to have its own. */
    private long lanes() {
        long most = LaneGradients.mostLanes(model, inFull().max().orElse(1));
        long wanted = onProcessor() ? Math.max(1, Lanes.forRows(plan.load().rows())) : 1;
        return wanted > most ? 1 : wanted;
    }

    /**
     * Gradients of whole matrices that find no room in what activations leave free; the largest have pages of their own, which go back
     * at once.
     */
    private long scattered() {
        return inFull().filter(numbers -> numbers * size < NativeHeap.LARGEST_THRESHOLD)
                        .sum()
                * size;
    }

    private boolean onProcessor() {
        return device.kind() == DeviceSpec.Kind.CPU;
    }

    private long made(LayerShapes layer, long tokens, long scores, boolean training) {
        long dropped = training ? layer.keptByDropout(plan.attention().sumDropout()) : 0;
        return tokens
                        * (layer.made() * size
                                + dropped * (size + 1)
                                + widened(layer)
                                + 2 * attention.wideHeads(layer, training) * FLOAT)
                + layer.insideMemory(tokens, lanes, plan.load()) * wide
                + scores * attention.madeOfScore(layer, training);
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
        return made + loss.judging(load.told()) + attention.distances(load);
    }
}
