package org.loft4j.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.ConfigException;
import org.loft4j.DataException;

class RowFormatTest {
    private static final String SHAREGPT = "{\"id\": 1, \"conversations\": [{\"from\": \"human\", \"value\": \"q\"},"
            + " {\"from\": \"gpt\", \"value\": \"a\"}, {\"from\": \"observation\", \"value\": \"t\"}]";

    @TempDir
    Path folder;

    private Path file(String name, String text) throws IOException {
        return Files.writeString(folder.resolve(name), text);
    }

    private Row row(String name, String text, Columns columns) throws IOException {
        List<Row> rows = DataFiles.read(file(name, text), columns);
        assertEquals(1, rows.size());
        return rows.get(0);
    }

    private String fault(String name, String text, Columns columns) throws IOException {
        Path file = file(name, text);
        String message = String.valueOf(assertThrows(DataException.class, () -> DataFiles.read(file, columns))
                .getMessage());
        assertEquals(file + ", line ", message.substring(0, file.toString().length() + 7));
        return message.substring(file.toString().length() + 7);
    }

    @Test
    void turnsOfShareGptAreMessages() throws IOException {
        List<Message> expected =
                List.of(Message.of("user", "q"), Message.of("assistant", "a"), Message.of("tool", "t"));
        assertEquals(expected, ((Conversation) row("a.jsonl", SHAREGPT + "}", Columns.auto())).messages());
        Conversation led = (Conversation) row("b.jsonl", SHAREGPT + ", \"system\": \"s\"}", Columns.auto());
        assertEquals(Message.of("system", "s"), led.messages().get(0));
        assertEquals(expected, led.messages().subList(1, 4));
        Conversation other = (Conversation) row(
                "c.jsonl",
                "{\"conversations\": [{\"role\": \"user\", \"content\": \"q\"}]}",
                Columns.of(RowFormat.SHAREGPT));
        assertEquals(List.of(Message.of("user", "q")), other.messages());
        assertEquals(Map.of(), other.variables());
    }

    @Test
    void faultsOfShareGptNameTheTurn() throws IOException {
        assertEquals(
                "1: \"conversations\"[1] is from \"narrator\", which is none of \"human\", \"user\", \"gpt\","
                        + " \"assistant\", \"chatgpt\", \"bing\", \"bard\", \"model\", \"system\", \"tool\","
                        + " \"observation\"",
                fault("a.jsonl", SHAREGPT.replace("gpt\"", "narrator\"") + "}", Columns.auto()));
        assertEquals(
                "1: \"conversations\"[0] must be an object with the strings \"from\" and \"value\"",
                fault("b.jsonl", SHAREGPT.replace("\"q\"", "1") + "}", Columns.auto()));
        assertEquals(
                "1: \"conversations\" must be a list of turns such as {\"from\": \"human\", \"value\": \"…\"}",
                fault("c.jsonl", "{\"conversations\": \"q\"}", Columns.auto()));
    }

    @Test
    void instructionsHaveThePromptOfAlpaca() throws IOException {
        var origin = new Origin(folder.resolve("a.csv"), 2);
        String alone =
                "Below is an instruction that describes a task. Write a response that appropriately completes the"
                        + " request.\n\n### Instruction:\nAdd.\n\n### Response:\n";
        assertEquals(
                new PromptCompletion(alone, "Add.", "3", origin),
                row("a.csv", "instruction,input,output\nAdd.,,3\n", Columns.auto()));
        assertEquals(
                new PromptCompletion(alone, "Add.", "3", origin),
                row("a.csv", "output,instruction\n3,Add.\n", Columns.auto()));
        String paired = "Below is an instruction that describes a task, paired with an input that provides further"
                + " context. Write a response that appropriately completes the request.\n\n### Instruction:\nAdd.\n\n"
                + "### Input:\n1 and 2\n\n### Response:\n";
        assertEquals(
                new PromptCompletion(paired, "Add.\n\n1 and 2", "3", new Origin(folder.resolve("b.json"), 1)),
                row(
                        "b.json",
                        "[{\"instruction\": \"Add.\", \"input\": \"1 and 2\", \"output\": \"3\", \"text\": \"\"}]",
                        Columns.of(RowFormat.ALPACA)));
        assertEquals("2: \"output\" is empty", fault("c.csv", "instruction,output\nAdd.,\n", Columns.auto()));
    }

    @Test
    void whatIsSaidBeforeAnInstructionIsRead() throws IOException {
        List<Message> turns = List.of(Message.of("system", "s"), Message.of("user", "q"), Message.of("assistant", "a"));
        String asked = "{\"instruction\": \"i\", \"input\": \"\", \"output\": \"o\", ";
        PromptCompletion told = (PromptCompletion)
                row("a.jsonl", asked + "\"system\": \"s\", \"history\": [[\"q\", \"a\"]]}", Columns.auto());
        assertEquals(turns, told.before());
        assertEquals("i", told.turn());
        PromptCompletion ofTable = (PromptCompletion)
                row("a.csv", "instruction,output,system,history\ni,o,s,\"[[\"\"q\"\", \"\"a\"\"]]\"\n", Columns.auto());
        assertEquals(turns, ofTable.before());
        for (String nothing : List.of("null", "[]", "\"\"", "\"[]\"")) {
            String row = asked + "\"system\": \" \", \"history\": " + nothing + "}";
            assertEquals(List.of(), ((PromptCompletion) row("b.jsonl", row, Columns.auto())).before(), nothing);
        }
        for (String wrong :
                List.of("{}", "1", "[\"q\", \"a\"]", "[[\"q\"]]", "[[\"q\", null]]", "[[\"q\", \"a\", \"b\"]]")) {
            assertEquals(
                    "1: \"history\" must be a list of pairs of a question and its answer, such as [[\"Who are you?\","
                            + " \"A model.\"]], or the JSON of one as text",
                    fault("c.jsonl", asked + "\"history\": " + wrong + "}", Columns.auto()),
                    wrong);
        }
    }

    @Test
    void whatTheSystemSaysBeforeAPromptIsRead() throws IOException {
        List<Message> told = List.of(Message.of("system", "s"));
        String texts = "{\"prompt\": \"p\", \"completion\": \"c\", \"system\": \"s\"}";
        assertEquals(told, ((PromptCompletion) row("a.jsonl", texts, Columns.auto())).before());
        assertEquals(
                told, ((PromptCompletion) row("a.csv", "prompt,completion,system\np,c,s\n", Columns.auto())).before());
        String turns = "{\"prompt\": [{\"role\": \"user\", \"content\": \"p\"}], \"completion\":"
                + " [{\"role\": \"assistant\", \"content\": \"c\"}], \"system\": \"s\"}";
        Conversation chat = (Conversation) row("b.jsonl", turns, Columns.auto());
        assertEquals("s", chat.messages().get(0).text());
        assertEquals(2, chat.given());
    }

    @Test
    void whatMayMeanTwoThingsIsAsked() throws IOException {
        String row = "{\"instruction\": \"i\", \"output\": \"o\", \"text\": \"t\"}";
        assertEquals(
                "1: has both \"text\" and \"instruction\": name the columns to read (text_column, or prompt_column and"
                        + " completion_column), or the format (text, prompt or alpaca)",
                fault("a.jsonl", row, Columns.auto()));
        var origin = new Origin(folder.resolve("a.jsonl"), 1);
        assertEquals(new PlainText("t", origin), row("a.jsonl", row, Columns.of(RowFormat.TEXT)));
        assertEquals(
                new PromptCompletion("i", "o", origin),
                row("a.jsonl", row, new Columns(null, null, "instruction", "output")));
    }

    @Test
    void aStatedFormatIsHeldTo() throws IOException {
        var origin = new Origin(folder.resolve("a.csv"), 2);
        assertEquals(new PlainText("t", origin), row("a.csv", "text,label\nt,l\n", Columns.of(RowFormat.TEXT)));
        assertEquals(
                "1: the header (the first line must name the columns) has no \"label\"; it has \"text\" (label_column,"
                        + " --label-column, names another)",
                fault("a.csv", "text\nt\n", Columns.of(RowFormat.LABEL)));
        assertEquals(
                "1: has no \"messages\"; it has \"text\"",
                fault("a.jsonl", "{\"text\": \"t\"}", Columns.of(RowFormat.MESSAGES)));
        DataRows read = DataFiles.readRows(DataReference.of(file("a.jsonl", SHAREGPT + "}")), Columns.auto());
        assertEquals(RowFormat.SHAREGPT, read.format());
        assertEquals("\"conversations\"", read.columns());
    }

    private List<Row> asked(String name, String text) throws IOException {
        return DataFiles.read(file(name, text), Columns.auto().questions());
    }

    @Test
    void labelsOfRowsThatAreOnlyAskedAreNotRead() throws IOException {
        var file = folder.resolve("a.jsonl");
        assertEquals(
                List.of(
                        new PlainText("a", new Origin(file, 1)),
                        new PlainText("b", new Origin(file, 2)),
                        new PlainText("c", new Origin(file, 3)),
                        new PlainText("d", new Origin(file, 4))),
                asked(
                        "a.jsonl",
                        "{\"text\": \"a\", \"label\": null}\n{\"text\": \"b\", \"label\": 0.5}\n{\"text\": \"c\"}\n"
                                + "{\"text\": \"d\", \"label\": [\"x\"]}\n"));
        file("b.csv", "text,label\na,\n");
        file("c.csv", "text\nb\n");
        assertEquals(
                List.of("a", "b"),
                DataFiles.read(
                                new DataReference(folder + "/{b,c}.csv"),
                                Columns.auto().questions())
                        .stream()
                        .map(RowText::question)
                        .toList());
        assertEquals(List.of(new PlainText("a", new Origin(folder.resolve("d.txt"), 1))), asked("d.txt", "a\n"));
        assertEquals(
                List.of(new TaggedWords(
                        List.of("Ann Lee", "runs"), List.of(), new Origin(folder.resolve("e.jsonl"), 1))),
                asked("e.jsonl", "{\"tokens\": [\"Ann Lee\", \"runs\"], \"tags\": null}\n"));
        assertEquals(
                new PlainText("named", new Origin(folder.resolve("f.csv"), 2)),
                row("f.csv", "label,text\nnamed,t\n", Columns.of("label", null).questions()));
        assertEquals(
                "1: has no \"text\"; it has \"label\" (text_column, --text-column, names another)",
                fault("g.jsonl", "{\"label\": 1}", Columns.auto().questions()));
        assertEquals(
                "1: \"tokens\" must be an array of words, found the string \"a\"",
                fault("h.jsonl", "{\"tokens\": \"a\"}", Columns.auto().questions()));
    }

    @Test
    void promptsThatAreOnlyAskedNeedNoAnswer() throws IOException {
        assertEquals(
                List.of(new PromptCompletion("p", "", new Origin(folder.resolve("a.csv"), 2))),
                asked("a.csv", "prompt\np\n"));
        assertEquals(
                List.of(new PromptCompletion("p", "", new Origin(folder.resolve("b.jsonl"), 1))),
                asked("b.jsonl", "{\"prompt\": \"p\", \"completion\": []}\n"));
        Conversation chat = (Conversation) asked("c.jsonl", "{\"prompt\": [{\"role\": \"user\", \"content\": \"q\"}]}")
                .get(0);
        assertEquals(List.of(Message.of("user", "q")), chat.messages());
        PromptCompletion instructed = (PromptCompletion)
                asked("d.jsonl", "{\"instruction\": \"Add.\"}").get(0);
        assertEquals(AlpacaPrompt.of("Add.", ""), instructed.prompt());
        assertEquals("Add.", instructed.turn());
        assertEquals("", instructed.completion());
        assertEquals(
                List.of(new PlainText("t", new Origin(folder.resolve("e.jsonl"), 1))),
                asked("e.jsonl", "{\"instruction\": \"i\", \"text\": \"t\"}"));
    }

    @Test
    void wordsAndNamesThatDoNotGoTogetherAreRefused() {
        for (RowFormat format : RowFormat.values()) {
            assertEquals(format, RowFormat.parse(format.word()));
        }
        assertEquals(
                "format must be one of auto, text, label, prompt, messages, sharegpt, alpaca, preference, judged, reward, match, tags, got chat",
                assertThrows(ConfigException.class, () -> RowFormat.parse("chat"))
                        .getMessage());
        assertEquals(
                "format alpaca has no column of that name: leave out prompt_column and completion_column, or the format",
                assertThrows(ConfigException.class, () -> new Columns(null, null, "a", "b", RowFormat.ALPACA))
                        .getMessage());
        assertEquals(
                "format text has no column of that name: leave out label_column, or the format",
                assertThrows(ConfigException.class, () -> new Columns("a", "b", null, null, RowFormat.TEXT))
                        .getMessage());
    }

    @Test
    void dollysNamesOfTheColumnsAreKnown() throws IOException {
        Row read = row(
                "dolly.jsonl",
                "{\"instruction\": \"i\", \"context\": \"c\", \"response\": \"r\", \"category\": \"qa\"}",
                Columns.auto());
        PromptCompletion alpaca = (PromptCompletion)
                row("alpaca.jsonl", "{\"instruction\": \"i\", \"input\": \"c\", \"output\": \"r\"}", Columns.auto());
        assertEquals(alpaca.prompt(), ((PromptCompletion) read).prompt());
        assertEquals(alpaca.turn(), ((PromptCompletion) read).turn());
        assertEquals("r", ((PromptCompletion) read).completion());
        PromptCompletion asked = (PromptCompletion)
                row("asked.csv", "instruction,context\ni,c\n", Columns.auto().questions());
        assertEquals(alpaca.prompt(), asked.prompt());
    }

    @Test
    void aPromptThatHoldsItsAnswerIsNotTakenForAPrompt() throws IOException {
        String row = "{\"instruction\": \"i\", \"input\": \"\", \"output\": \"o\", \"prompt\": \"i o\"}";
        String fault = fault("code.jsonl", row, Columns.auto());
        assertEquals(
                "1: has \"prompt\" without \"completion\" beside \"instruction\" and \"output\": name the format (--format alpaca"
                        + " reads these two), or the columns to read (prompt_column and completion_column, or text_column for a"
                        + " text alone)",
                fault);
        PromptCompletion read = (PromptCompletion) row("code.jsonl", row, Columns.of(RowFormat.ALPACA));
        assertEquals("o", read.completion());
    }
}
