package org.loft4j.examples;

import java.io.IOException;
import java.nio.file.Path;
import org.loft4j.infer.Classifier;
import org.loft4j.infer.TextClassifier.Prediction;

/** Classifies texts with what a training left: {@code java -cp … Answer.java run "a text" …}. */
public final class Answer {
    private Answer() {}

    public static void main(String[] arguments) throws IOException {
        try (Classifier classifier = Classifier.open(Path.of(arguments[0]))) {
            for (int i = 1; i < arguments.length; i++) {
                Prediction prediction = classifier.classify(arguments[i]);
                System.out.println(prediction.label() + " " + prediction.probability());
            }
        }
    }
}
