package org.loft4j.train;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.nn.Losses;
import org.loft4j.nn.Model;
import org.loft4j.nn.PreferenceLoss;
import org.loft4j.nn.Task;
import org.loft4j.nn.Threshold;

/** Adds up what a model tells of rows, and makes the scores of its task of that. */
final class EvaluationTally {
    private final Model model;
    private final ConfusionMatrix confusion;
    private final @Nullable EntityScore entities;
    private final RegressionScore numbers = new RegressionScore();
    private final MultiLabelScore several;
    private final @Nullable RocAuc ofTwo;
    private final PreferenceScore preferences = new PreferenceScore();
    private final PreferenceLoss preferenceLoss;
    private final JudgedScore judged = new JudgedScore();
    private final @Nullable RankingScore ranking;
    private double sum;
    private long right;

    /**
     * @param threshold of labels of which a text may have several
     * @param preferenceLoss by which preferences are judged
     * @param ranked whether the rows are groups of texts of which one is right
     */
    EvaluationTally(Model model, Threshold threshold, PreferenceLoss preferenceLoss, boolean ranked) {
        List<String> labels = model.description().labels();
        int classes = Math.max(1, labels.size());
        this.model = model;
        this.preferenceLoss = preferenceLoss;
        this.confusion = new ConfusionMatrix(model.isMultiLabel() ? 1 : classes);
        this.entities = EntityScore.fits(labels) ? new EntityScore(labels) : null;
        this.several = new MultiLabelScore(model.isMultiLabel() ? classes : 0, threshold);
        this.ranking = ranked ? new RankingScore() : null;
        this.ofTwo = tellsTwoApart(model) ? new RocAuc(1) : null;
    }

    /** Whether each row is of one of two classes. */
    static boolean tellsTwoApart(Model model) {
        return model.task() != Task.TOKEN_CLASSIFICATION
                && !model.task().writes()
                && !model.isMultiLabel()
                && model.description().labels().size() == 2;
    }

    /**
     * What came out for some rows of a batch.
     *
     * @param loss the sum over them
     * @param expected classes, in order, and {@link Losses#IGNORED}; none of a language model and a regression; where a text may have
     *     several labels 1 for those that each has and 0 for the others; of answers that are judged one by one their signs
     * @param predicted classes
     * @param scores the numbers of a regression, in order; of texts to rank 1 for the right one of each group, its first, and 0 for the others
     * @param told what the model gives in their place; of several labels a text the logits, of two classes by how much that of the
     *     second is above the first's, of preferences the rewards
     * @param right tokens that a language model tells
     */
    record Part(double loss, long[] expected, long[] predicted, int rows, double[] scores, double[] told, long right) {
        private static final double[] NONE = {};
        private static final long[] NO_CLASSES = {};

        /** Of a language model. */
        Part(double loss, long right) {
            this(loss, NO_CLASSES, NO_CLASSES, 0, NONE, NONE, right);
        }

        /** Of answers that are judged one by one, whose loss is known when all of them are. */
        Part(int[] signs, double[] rewards) {
            this(0, Arrays.stream(signs).asLongStream().toArray(), NO_CLASSES, 0, NONE, rewards, 0);
        }

        /** Of a regression, or of preferences, of which there are no scores. */
        Part(double loss, double[] scores, double[] told) {
            this(loss, NO_CLASSES, NO_CLASSES, 0, scores, told, 0);
        }
    }

    void add(Part part) {
        sum += part.loss();
        if (ranking != null) {
            ranking.add(part.scores(), part.told());
        } else if (model.isRegression()) {
            numbers.add(part.scores(), part.told());
        } else if (model.isMultiLabel()) {
            several.add(part.expected(), part.told());
        } else if (model.task().writes() && part.expected().length > 0) {
            judged.add(part.told(), part.expected());
        } else if (model.task().writes()) {
            preferences.add(part.told());
            right += part.right();
        } else {
            add(confusion, part.expected(), part.predicted());
        }
        if (ofTwo != null) {
            ofTwo.add(part.expected(), part.told());
        }
        if (model.task() == Task.TOKEN_CLASSIFICATION && entities != null) {
            add(entities, part.expected(), part.predicted(), part.rows());
        }
    }

    /**
     * What all of it comes to.
     *
     * @param count of the targets, over which the loss is the mean
     * @param preferred whether the rows are preferences
     */
    Evaluation evaluation(long count, boolean preferred, double seconds) {
        double loss = sum / count;
        if (ranking != null) {
            return Evaluation.ranking(loss, ranking, seconds);
        }
        if (model.isRegression()) {
            return Evaluation.regression(loss, numbers, seconds);
        }
        if (model.isMultiLabel()) {
            return Evaluation.multiLabel(loss, several, seconds);
        }
        if (preferred && judged.count() > 0) {
            return judged.evaluation(preferenceLoss.kto(), seconds);
        }
        if (preferred) {
            return Evaluation.preferences(loss, preferences, seconds);
        }
        return switch (model.task()) {
            case SENTENCE_EMBEDDING -> throw new ConfigException("sentence embeddings are judged by a MatchDataset");
            case CAUSAL_LM, SEQ2SEQ_LM -> Evaluation.languageModel(loss, right, count, seconds);
            case TOKEN_CLASSIFICATION -> Evaluation.tokenClassification(loss, confusion, entities, seconds);
            case SEQUENCE_CLASSIFICATION, IMAGE_CLASSIFICATION ->
                Evaluation.classification(loss, confusion, ofTwo == null ? Double.NaN : ofTwo.micro(), seconds);
        };
    }

    private static void add(ConfusionMatrix confusion, long[] expected, long[] predicted) {
        for (int i = 0; i < expected.length; i++) {
            if (expected[i] != Losses.IGNORED) {
                confusion.add((int) expected[i], (int) predicted[i]);
            }
        }
    }

    /** The words of each row are its tokens with a label. */
    private static void add(EntityScore entities, long[] expected, long[] predicted, int rows) {
        int columns = expected.length / rows;
        for (int row = 0; row < rows; row++) {
            List<Integer> wanted = new ArrayList<>();
            List<Integer> found = new ArrayList<>();
            for (int i = row * columns; i < (row + 1) * columns; i++) {
                if (expected[i] != Losses.IGNORED) {
                    wanted.add((int) expected[i]);
                    found.add((int) predicted[i]);
                }
            }
            entities.add(wanted, found);
        }
    }
}
