package org.loft4j.model.shared;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.IntPredicate;
import org.loft4j.CheckpointException;
import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.io.JsonObject;
import org.loft4j.io.TensorSource;
import org.loft4j.nn.Activation;
import org.loft4j.nn.Experts;
import org.loft4j.nn.FeedForward;
import org.loft4j.nn.MixtureOfExperts;
import org.loft4j.nn.ParameterSpec;
import org.loft4j.nn.Weights;

/**
 * The names and sizes of the mixtures of experts in a decoder, each expert with matrices of its own, as Transformers 4 has them and
 * files on the hub ({@code model.layers.0.mlp.experts.0.gate_proj.weight}).
 *
 * @param names of the modules
 * @param experts in each mixture
 * @param chosen how many of them a token goes through
 * @param width of an expert
 * @param normalised whether the weights of a token's experts are divided by their sum
 * @param at the blocks, by number, that have a mixture
 */
public record ExpertLayout(Names names, int experts, int chosen, long width, boolean normalised, IntPredicate at)
        implements MixtureLayout {
    private static final Set<String> KEYS =
            Set.of("num_experts_per_tok", "output_router_logits", "router_aux_loss_coef", "router_jitter_noise");

    /** What Transformers 5 calls the experts of a block in all families, Mixtral's too. */
    private static final String TOGETHER = "mlp.experts";

    /**
     * What the modules of a mixture are called.
     *
     * @param module of the mixture in its block; its router is {@code gate} within
     * @param gate of an expert, which is activated
     * @param up of an expert
     * @param down of an expert
     */
    public record Names(String module, String gate, String up, String down) {
        /** Those of Qwen, OLMoE, DeepSeek and GLM. */
        public static final Names PROJECTIONS = new Names("mlp", "gate_proj", "up_proj", "down_proj");

        /** Those of Mixtral. */
        public static final Names NUMBERED = new Names("block_sparse_moe", "w1", "w3", "w2");
    }

    public ExpertLayout {
        Checks.atLeast("the number of experts", experts, 1);
        Checks.within("num_experts_per_tok", chosen, 1, experts);
        Checks.atLeast("the width of an expert", width, 1);
    }

    /** The keys of a family, and those that every family with experts has. */
    public static Set<String> keysWith(Set<String> family) {
        Set<String> all = new HashSet<>(KEYS);
        all.addAll(family);
        return all;
    }

    /**
     * Refuses what would add the router's loss to that of the model, or noise to what it reads, which is not done here.
     *
     * @throws ConfigException that names the file, the key and the remedy
     */
    public static void requirePlainRouter(JsonObject json) throws CheckpointException {
        if (json.booleanOr("output_router_logits", false)) {
            throw new ConfigException("output_router_logits must be false, got true in " + json.file()
                    + ": Transformers adds the loss that balances the experts (router_aux_loss_coef) to the model's where it is"
                    + " true, and that is not supported; set it to false to train without");
        }
        double noise = json.doubleOr("router_jitter_noise", 0);
        if (noise != 0) {
            throw new ConfigException("router_jitter_noise must be 0, got " + noise + " in " + json.file()
                    + ": noise on what a router reads in training is not supported; set it to 0 to train without");
        }
    }

    /** Numbers of blocks that a file lists; none where it does not. */
    public static Set<Integer> blocks(JsonObject json, String key) throws CheckpointException {
        JsonNode list = json.node(key);
        List<Integer> blocks = new ArrayList<>();
        for (int i = 0; list != null && i < list.size(); i++) {
            if (!list.get(i).isInt()) {
                throw json.fault(key, "must list numbers of blocks, found " + list);
            }
            blocks.add(list.get(i).intValue());
        }
        if (list != null && !list.isArray()) {
            throw json.fault(key, "must list numbers of blocks, found " + list);
        }
        return Set.copyOf(blocks);
    }

    /** How many there are: Transformers 5 writes {@code num_local_experts} where the hub's files have {@code num_experts}. */
    public static int count(JsonObject json, int absent) throws CheckpointException {
        int count = json.intOr("num_experts", json.intOr("num_local_experts", absent, 1), 1);
        ConfigKeys.require(json, "num_local_experts", String.valueOf(count));
        return count;
    }

    /** The blocks that have a mixture: every {@code decoder_sparse_step}th but those of {@code mlp_only_layers}. */
    public static IntPredicate sparse(JsonObject json) throws CheckpointException {
        int step = json.intOr("decoder_sparse_step", 1, 1);
        Set<Integer> dense = blocks(json, "mlp_only_layers");
        return block -> (block + 1) % step == 0 && !dense.contains(block);
    }

    /** Refuses a checkpoint in which the experts of a block are one tensor. */
    @Override
    public TensorSource arranged(TensorSource source) throws CheckpointException {
        for (String name : source.names()) {
            if (name.endsWith(".experts.gate_up_proj")) {
                throw new CheckpointException(
                        source.path(),
                        name + " holds the matrices of all experts, which must be tensors of their own"
                                + " (experts.0.…): save the model once more with Transformers' save_pretrained, whose"
                                + " save_original_format is true by default");
            }
        }
        return source;
    }

    /** The router is always kept in the dtype of the model. */
    @Override
    public List<ParameterSpec> parameters(int number, String block, long hidden) {
        List<ParameterSpec> specs = new ArrayList<>(Parameters.outputLinear(router(block), experts, hidden, false));
        for (int e = 0; e < experts; e++) {
            specs.addAll(Parameters.linear(expert(block, e, names.gate()), width, hidden, false));
            specs.addAll(Parameters.linear(expert(block, e, names.up()), width, hidden, false));
            specs.addAll(Parameters.linear(expert(block, e, names.down()), hidden, width, false));
        }
        return specs;
    }

    @Override
    public FeedForward feedForward(String block, Weights weights, Activation activation) {
        return new MixtureOfExperts(
                weights.linear(router(block)), experts(block, weights, activation), chosen, normalised);
    }

    /** The experts of a block. */
    Experts.Apart experts(String block, Weights weights, Activation activation) {
        List<FeedForward.Gated> made = new ArrayList<>();
        for (int e = 0; e < experts; e++) {
            made.add(new FeedForward.Gated(
                    weights.linear(expert(block, e, names.gate())),
                    weights.linear(expert(block, e, names.up())),
                    weights.linear(expert(block, e, names.down())),
                    activation));
        }
        // the block as the model calls it
        String gate = made.get(0).gate().path();
        String own =
                gate.substring(0, gate.length() - expert("", 0, names.gate()).length());
        return new Experts.Apart(own + TOGETHER, made);
    }

    /** Path of a block's router. */
    String router(String block) {
        return block + names.module() + ".gate";
    }

    private String expert(String block, int number, String module) {
        return block + names.module() + ".experts." + number + "." + module;
    }
}
