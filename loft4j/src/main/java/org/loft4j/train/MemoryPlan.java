package org.loft4j.train;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.loft4j.Checks;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.io.Json;
import org.loft4j.io.JsonObject;
import org.loft4j.nn.HalfRows;
import org.loft4j.nn.LoadIn;

/**
 * What the memory of a run depends on, beside the model's shapes.
 *
 * @param lora the adapter, for a method that uses one; null otherwise
 * @param loadIn how the frozen matrices are kept
 * @param load the largest batches
 * @param attention what a batch leaves in attention
 * @param rows what the rows take beside it
 */
public record MemoryPlan(
        TrainConfig config, @Nullable LoraConfig lora, LoadIn loadIn, Load load, Attention attention, Rows rows) {
    public MemoryPlan {
        lora = config.method().usesAdapter() ? lora : null;
    }

    /** The same with rows that take nothing to speak of. */
    public MemoryPlan(TrainConfig config, @Nullable LoraConfig lora, LoadIn loadIn, Load load, Attention attention) {
        this(config, lora, loadIn, load, attention, Rows.of(0));
    }

    /**
     * What rows take on the Java heap while a run goes on, in bytes: texts, tokens, what is known of pictures.
     *
     * @param streamed what they would take if they were read as they are learnt; the same where that is no choice
     */
    public record Rows(long bytes, long streamed) {
        public static Rows of(long bytes) {
            return new Rows(bytes, bytes);
        }
    }

    /**
     * The largest batches of a run, in rows and tokens a row with padding; of images, patches.
     *
     * @param columns of texts that are read and others that are written those that are read
     * @param evalRows 0 without evaluation
     * @param cached tokens whose keys and values are kept while a model answers prompts; 0 where it answers none
     * @param written tokens of a row that an encoder-decoder writes, with the one that writing begins with; 0 for other models
     * @param evalWritten the same of the evaluation
     * @param judged whether a loss asks what a model holds of the rows before it has a gradient, as those of preferences and rewards do
     * @param shapes how many the batches have, as {@link HalfRows} counts columns
     */
    public record Load(
            long rows,
            long columns,
            long evalRows,
            long evalColumns,
            long cached,
            long written,
            long evalWritten,
            boolean judged,
            long shapes) {
        public Load {
            Checks.atLeast("rows", rows, 1);
            Checks.atLeast("columns", columns, 1);
            Checks.atLeast("shapes", shapes, 1);
        }

        /** Of texts that are read alone. */
        public Load(long rows, long columns, long evalRows, long evalColumns, long cached) {
            this(rows, columns, evalRows, evalColumns, cached, 0, 0, false, 1);
        }

        /** Of rows that have their answers. */
        public Load(long rows, long columns, long evalRows, long evalColumns) {
            this(rows, columns, evalRows, evalColumns, 0);
        }

        /** The batches of the evaluation by themselves. */
        Load ofEvaluation() {
            return new Load(evalRows, evalColumns, 0, 0, 0, evalWritten, 0, judged, shapes);
        }

        /** Positions that are told, of all rows: of an encoder-decoder those that are written. */
        long told() {
            return rows * (written == 0 ? columns : written);
        }

        /** Of texts that an encoder-decoder reads and writes. */
        public Load writing(long newWritten, long newEvalWritten) {
            return new Load(rows, columns, evalRows, evalColumns, cached, newWritten, newEvalWritten, judged, shapes);
        }

        /** Of rows whose log-probabilities make their loss. */
        public Load judging() {
            return new Load(rows, columns, evalRows, evalColumns, cached, written, evalWritten, true, shapes);
        }

        /**
         * With the columns that batches in half types have on the processor, see {@link HalfRows}.
         *
         * @param most positions of the model
         */
        Load filled(long most) {
            return new Load(
                    rows,
                    HalfRows.upFrom(columns, most),
                    evalRows,
                    HalfRows.upFrom(evalColumns, most),
                    cached,
                    HalfRows.upFrom(written, most),
                    HalfRows.upFrom(evalWritten, most),
                    judged,
                    shapes);
        }

        /** Of batches that have so many shapes. */
        public Load ofShapes(long newShapes) {
            return new Load(rows, columns, evalRows, evalColumns, cached, written, evalWritten, judged, newShapes);
        }
    }

    /**
     * What attention and the sums around it keep.
     *
     * @param heads of the queries
     * @param dropout whether the probabilities of attention are dropped in training, which no fused kernel does
     * @param sumDropout whether what a layer adds is dropped
     * @param distances whether each head adds numbers of its own to the scores by the distance of two tokens ({@link
     *     org.loft4j.nn.RelativeBias}): they are learnt where the model is trained itself
     * @param disentangled whether each layer adds products of contents and distances to the scores, as DeBERTa does
     */
    public record Attention(long heads, boolean dropout, boolean sumDropout, boolean distances, boolean disentangled) {
        private static final List<String> HEADS =
                List.of("num_attention_heads", "n_head", "n_heads", "num_heads", "encoder_attention_heads");
        private static final List<String> OF_PROBABILITIES =
                List.of("attention_probs_dropout_prob", "attention_dropout", "attn_pdrop", "dropout_rate");
        private static final List<String> OF_SUMS = List.of(
                "hidden_dropout_prob",
                "hidden_dropout",
                "dropout",
                "resid_pdrop",
                "residual_dropout",
                "mlp_dropout",
                "dropout_rate");

        private static final String DISTANCES = "relative_attention_num_buckets";
        private static final String DISENTANGLED = "pos_att_type";

        /** Where distances add nothing. */
        public Attention(long heads, boolean dropout, boolean sumDropout) {
            this(heads, dropout, sumDropout, false);
        }

        /** Where layers add nothing of their own. */
        public Attention(long heads, boolean dropout, boolean sumDropout, boolean distances) {
            this(heads, dropout, sumDropout, distances, false);
        }

        /** As the config.json of a model says; what blocks drop where it does not say, they know themselves. */
        public static Attention of(Path modelDirectory) throws IOException {
            JsonObject whole = Json.read(modelDirectory.resolve("config.json"));
            JsonObject text = whole.findObject("text_config");
            JsonObject config = text == null ? whole : text;
            double heads = first(config, HEADS, 12);
            return new Attention(
                    (long) heads,
                    first(config, OF_PROBABILITIES, 0) > 0,
                    first(config, OF_SUMS, 0) > 0,
                    config.has(DISTANCES),
                    config.has(DISENTANGLED));
        }

        private static double first(JsonObject config, List<String> keys, double absent) throws IOException {
            for (String key : keys) {
                if (config.has(key)) {
                    return config.doubleOr(key, absent);
                }
            }
            return absent;
        }
    }

    /** The same run with other settings. */
    public MemoryPlan with(TrainConfig newConfig, LoadIn newLoadIn, Load newLoad) {
        return new MemoryPlan(newConfig, lora, newLoadIn, newLoad, attention, rows);
    }

    /** The same run on rows that are read as they are learnt. */
    public MemoryPlan streaming() {
        return new MemoryPlan(config, lora, loadIn, load, attention, Rows.of(rows.streamed()));
    }
}
