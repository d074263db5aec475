package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.loft4j.train.Method;

/** docs/methods.md and the help text know every method. */
class MethodsPageTest {
    @ParameterizedTest
    @EnumSource(Method.class)
    void thePageHasARowWithTheNameAndTheLearningRate(Method method) throws IOException {
        List<String> rows = Files.readAllLines(Path.of("..", "docs", "methods.md")).stream()
                .filter(line -> line.startsWith("| `" + method.word() + "` |"))
                .toList();
        assertEquals(1, rows.size(), "rows of " + method.word());
        String[] cells = rows.get(0).split(" *\\| *");
        assertEquals(method.title(), cells[2]);
        assertEquals(method.learningRate(), Double.parseDouble(cells[4]));
    }

    @ParameterizedTest
    @EnumSource(Method.class)
    void thePageOfTheCommandLineNamesIt(Method method) throws IOException {
        List<String> lists = Files.readAllLines(Path.of("..", "docs", "command-line.md")).stream()
                .filter(line -> line.startsWith("`--method` is one of "))
                .toList();
        assertEquals(1, lists.size(), "lists of methods");
        assertTrue(lists.get(0).matches(".* `" + method.word() + "`[,.].*"), lists.get(0));
    }

    @ParameterizedTest
    @EnumSource(Method.class)
    void theHelpTextNamesIt(Method method) {
        Captured help = Captured.loft("train", "--help");
        String text = help.out().replaceAll("\\s+", " ");
        assertTrue(text.contains(", full (every parameter)"), text);
        assertTrue(text.matches(".*[ ,]" + method.word() + "[ ,].*"), text);
    }
}
