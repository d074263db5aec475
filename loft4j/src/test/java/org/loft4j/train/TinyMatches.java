package org.loft4j.train;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.loft4j.data.Dataset;
import org.loft4j.data.MatchDataset;
import org.loft4j.model.Fixture;
import org.loft4j.model.Models;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.tensor.Dtype;

/** Small encoders without a head, and texts that belong together. */
final class TinyMatches {
    private TinyMatches() {}

    /** A BERT of two layers and new weights. */
    static Model model(Path directory, Dtype dtype, double dropout) throws IOException {
        String config = Files.readString(Fixture.directory("bert_cls").resolve("config.json"));
        Files.writeString(directory.resolve("config.json"), config.replaceAll("(dropout_prob\": )0.0", "$1" + dropout));
        return Models.initialise(
                directory, ModelOptions.of(Task.SENTENCE_EMBEDDING).withDtype(dtype));
    }

    /** Texts by their tokens: an anchor, its positive, its negatives, one example after the other. */
    static MatchDataset of(List<List<int[]>> examples) {
        List<int[]> texts = new ArrayList<>();
        List<Integer> roles = new ArrayList<>();
        for (List<int[]> example : examples) {
            for (int i = 0; i < example.size(); i++) {
                texts.add(example.get(i));
                roles.add(Math.min(i, MatchDataset.NEGATIVE));
            }
        }
        return new MatchDataset(Dataset.classificationIds(
                texts, roles.stream().mapToInt(role -> role).toArray()));
    }

    /** Texts of a dozen subjects, each with ten words for its anchors and ten for its positives. */
    static MatchDataset alike(int examples, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        List<List<int[]>> all = new ArrayList<>();
        for (int i = 0; i < examples; i++) {
            int subject = random.nextInt(12);
            all.add(List.of(
                    words(5 + 10 * subject, random.nextInt(4, 9), random),
                    words(125 + 10 * subject, random.nextInt(6, 14), random)));
        }
        return of(all);
    }

    private static int[] words(int from, int length, SplittableRandom random) {
        return random.ints(length, from, from + 10).toArray();
    }
}
