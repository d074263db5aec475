package org.loft4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.source.tree.ClassTree;
import com.sun.source.tree.CompilationUnitTree;
import com.sun.source.util.DocTrees;
import com.sun.source.util.JavacTask;
import com.sun.source.util.TreePathScanner;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import javax.lang.model.element.Modifier;
import javax.tools.JavaCompiler;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;

/** Every type that others see, and every package, says what it is. */
class JavadocTest {
    @Test
    void everyPublicTypeAndEveryPackageHasASentence() throws IOException {
        List<String> silent = new ArrayList<>();
        int seen = 0;
        for (Path module : List.of(Path.of("src/main/java"), Path.of("../loft4j-cli/src/main/java"))) {
            List<File> sources;
            try (Stream<Path> files = Files.walk(module)) {
                sources = files.filter(file -> file.toString().endsWith(".java"))
                        .map(Path::toFile)
                        .toList();
            }
            seen += sources.size();
            silent.addAll(silent(sources));
        }
        assertTrue(seen > 300, seen + " sources");
        assertEquals(List.of(), silent);
    }

    private static List<String> silent(List<File> sources) throws IOException {
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        List<String> silent = new ArrayList<>();
        try (StandardJavaFileManager files = compiler.getStandardFileManager(null, null, null)) {
            JavacTask task = (JavacTask) compiler.getTask(
                    null, files, null, List.of("-proc:none"), null, files.getJavaFileObjectsFromFiles(sources));
            DocTrees docs = DocTrees.instance(task);
            for (CompilationUnitTree unit : task.parse()) {
                new TreePathScanner<Void, Void>() {
                    @Override
                    public Void visitClass(ClassTree type, Void nothing) {
                        boolean seen = type.getModifiers().getFlags().contains(Modifier.PUBLIC);
                        if (seen && docs.getDocComment(getCurrentPath()) == null) {
                            silent.add(unit.getSourceFile().getName() + ": " + type.getSimpleName());
                        }
                        // what is inside of a type that nobody sees is not seen
                        return seen ? super.visitClass(type, nothing) : null;
                    }
                }.scan(unit, null);
                boolean describes = unit.getSourceFile().getName().endsWith("package-info.java");
                if (describes
                        && !unit.getSourceFile().getCharContent(true).toString().contains("/**")) {
                    silent.add(unit.getSourceFile().getName());
                }
            }
        }
        return silent;
    }
}
