package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.data.DataReference;
import org.loft4j.data.LabeledText;
import org.loft4j.data.Labels;
import org.loft4j.data.TrainTestSplit;
import org.loft4j.data.Truncations;
import org.loft4j.data.image.LabeledImages;
import org.loft4j.nn.PreferenceLoss;
import org.loft4j.nn.Task;

/** Which rows a run reads, and which classes it knows. */
class TrainingRowsTest {
    private static final double SHARE = 0.3;
    private static final List<String> CLASSES = List.of("blue", "rare", "red");

    @TempDir
    Path folder;

    private static DataFlags flags(Path data) {
        DataFlags flags = new DataFlags();
        flags.data = DataReference.of(data);
        return flags;
    }

    private Path rows() throws IOException {
        Path file = TinyModels.colours(folder.resolve("rows.csv"), 20);
        return Files.writeString(file, Files.readString(file) + "seldom,rare\n");
    }

    /** A seed that holds the rare row out. */
    private static long seed() {
        LabeledText rare = new LabeledText("seldom", "rare");
        return LongStream.range(0, 100)
                .filter(seed -> TrainTestSplit.isHeldOut(rare, SHARE, seed))
                .findFirst()
                .orElseThrow();
    }

    @Test
    void aClassThatIsHeldOutWholeIsKnownAndTold() throws IOException {
        DataFlags data = flags(rows());
        TrainingRows read = TrainingRows.read(LearntTask.of(Task.SEQUENCE_CLASSIFICATION), data, null, SHARE, seed());
        assertEquals(CLASSES, read.labelNames());
        assertTrue(read.shape().endsWith("; 1 label is in held-out rows alone: \"rare\""), read.shape());
        StreamedRows streamed = StreamedRows.read(
                LearntTask.of(Task.SEQUENCE_CLASSIFICATION), data, null, SHARE, seed(), PreferenceLoss.Kind.SIGMOID);
        assertEquals(CLASSES, streamed.known().labelNames());
        assertTrue(
                streamed.known().shape().endsWith("; 1 label is in held-out rows alone: \"rare\""),
                streamed.known().shape());
        TrainingRows whole = TrainingRows.read(LearntTask.of(Task.SEQUENCE_CLASSIFICATION), data, null, 0, 0);
        assertTrue(whole.shape().endsWith("rows.csv"), whole.shape());
    }

    @Test
    void aColumnThatHardlyTwoRowsShareIsDoubtedAsThatOfTheLabels() throws IOException {
        Path file = Files.writeString(folder.resolve("rows.csv"), "text,label\na,1\nb,2\nc,3\nd,3\n");
        LearntTask aim = LearntTask.of(Task.SEQUENCE_CLASSIFICATION);
        TrainingRows read = TrainingRows.read(aim, flags(file), null, 0, 0);
        StreamedRows streamed = StreamedRows.read(aim, flags(file), null, 0, 0, PreferenceLoss.Kind.SIGMOID);
        for (String shape : List.of(read.shape(), streamed.known().shape())) {
            assertTrue(
                    shape.endsWith("; 3 labels in so few rows teach little: is it the right --label-column?"), shape);
        }
        Files.writeString(file, "text,label\na,1\nb,2\nc,2\nd,1\n");
        TrainingRows usual = TrainingRows.read(aim, flags(file), null, 0, 0);
        assertTrue(usual.shape().endsWith("rows.csv"), usual.shape());
    }

    @Test
    void onlySomeOfManyClassesAreNamed() throws IOException {
        List<LabeledText> held = LongStream.range(0, 7)
                .mapToObj(i -> new LabeledText("a", "c" + i))
                .toList();
        assertEquals(
                "; 6 labels are in held-out rows alone: \"c0\", \"c2\", \"c3\", \"c4\", \"c5\", …",
                TrainingRows.heldOutAlone("rows", Set.of("c1"), Labels.namesIn(held)));
    }

    @Test
    void theClassesOfAFileOfItsOwnAreNotLearnt() throws IOException {
        Path train = TinyModels.colours(folder.resolve("train.csv"), 20);
        TrainingRows read = TrainingRows.read(
                LearntTask.of(Task.SEQUENCE_CLASSIFICATION), flags(train), DataReference.of(rows()), 0, 0);
        assertEquals(List.of("blue", "red"), read.labelNames());
    }

    @Test
    void theLabelColumnOfWordsIsThatOfTheirTags() throws IOException {
        DataFlags data = flags(
                Files.writeString(
                        folder.resolve("words.jsonl"),
                        "{\"tokens\": [\"Ann\", \"runs\"], \"pos_tags\": [\"NNP\", \"VBZ\"], \"ner_tags\": [\"B-PER\", \"O\"]}\n"));
        data.labelColumn = "pos_tags";
        TrainingRows read = TrainingRows.read(LearntTask.of(Task.TOKEN_CLASSIFICATION), data, null, 0, 0);
        assertEquals(List.of("NNP", "VBZ"), read.labelNames());
    }

    @Test
    void imagesOfAClassThatIsHeldOutWholeAreKnownAndTold() throws IOException {
        for (String name : List.of("blue/1.png", "blue/2.png", "red/1.png", "red/2.png", "rare/1.png")) {
            Path file = folder.resolve("images").resolve(name);
            Files.createDirectories(file.getParent());
            Files.writeString(file, name);
        }
        EvalFlags held = new EvalFlags();
        held.share = SHARE;
        LabeledImages all = LabeledImages.read(folder.resolve("images"));
        long seed = LongStream.range(0, 1000)
                .filter(s -> LongStream.range(0, all.size())
                        .allMatch(i -> all.label((int) i).equals("rare")
                                == TrainTestSplit.isHeldOut(all.identity((int) i), SHARE, s)))
                .findFirst()
                .orElseThrow();
        TrainingImages read = TrainingImages.read(
                LearntTask.of(Task.IMAGE_CLASSIFICATION),
                flags(folder.resolve("images")),
                new ImageFlags(),
                held,
                seed);
        assertEquals(CLASSES, read.classes().labels().names());
        assertEquals(4, read.train().size());
        assertTrue(read.shape().startsWith("5 images in "), read.shape());
        assertTrue(read.shape().endsWith("; 1 label is in held-out images alone: \"rare\""), read.shape());
    }

    @Test
    void whatTheTemplateLeavesOutOfAnswersIsTold() {
        StringWriter told = new StringWriter();
        TrainingRows.tell(
                Task.CAUSAL_LM, 5, 5, new Truncations(0, 0, 0), 0, 100, "training", new PrintWriter(told, true));
        assertEquals("", told.toString());
        TrainingRows.tell(
                Task.CAUSAL_LM, 5, 5, new Truncations(0, 0, 0), 2, 100, "training", new PrintWriter(told, true));
        assertTrue(
                told.toString()
                        .startsWith(
                                "loft: the chat template leaves out part of 2 answers of the training rows, or of the"
                                        + " prompt before, such as <think> or a tool's call: "),
                told.toString());
    }

    /** Of a text that is written of another one, the other is cut by itself. */
    @Test
    void whatIsLeftOfPromptsIsTold() {
        StringWriter told = new StringWriter();
        TrainingRows.tell(
                Task.CAUSAL_LM, 5, 5, new Truncations(3, 2, 9), 0, 40, "training", new PrintWriter(told, true));
        TrainingRows.tell(
                Task.CAUSAL_LM, 5, 5, new Truncations(3, 0, 9), 0, 40, "training", new PrintWriter(told, true));
        TrainingRows.tell(
                Task.SEQ2SEQ_LM, 5, 5, new Truncations(3, 2, 9), 0, 40, "training", new PrintWriter(told, true));
        String cut = "loft: 3 of 5 training rows were cut to 40 tokens";
        assertEquals(
                List.of(
                        cut + ", the completion itself in 2, of whose prompts one token is left",
                        cut,
                        cut + ", the completion itself in 2"),
                told.toString().lines().toList());
    }
}
