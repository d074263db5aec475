package org.loft4j;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.time.Clock;
import java.time.Instant;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The package order of docs/architecture.md: each package sees only the packages below it, and never a sibling. */
class ArchitectureTest {
    private static final String ROOT = "org.loft4j";

    private static JavaClasses library;

    @BeforeAll
    static void readTheLibrary() {
        library = new ClassFileImporter()
                .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
                .importPackages(ROOT);
    }

    /** Package, then all that it may use of this project beside itself and the root. */
    @ParameterizedTest
    @CsvSource({
        "tensor, ",
        "nn, tensor",
        "optim, tensor",
        "io, tensor",
        "data, tensor data.image data.jinja",
        "data.image, ",
        "data.jinja, ",
        "model.., nn io tensor model..",
        "adapter, nn io tensor",
        "train, adapter model.. nn optim io data tensor",
        "infer, adapter model.. nn io data data.image tensor",
        "export, adapter nn io tensor",
    })
    void aPackageUsesOnlyThoseBelowIt(String name, String below) {
        String[] allowed = Stream.concat(
                        Stream.of("", name), below == null ? Stream.empty() : Arrays.stream(below.split(" ")))
                .map(ArchitectureTest::qualified)
                .toArray(String[]::new);
        DescribedPredicate<JavaClass> ours = resideInAPackage(ROOT + "..");
        noClasses()
                .that()
                .resideInAPackage(qualified(name))
                .should()
                .dependOnClassesThat(ours.and(DescribedPredicate.not(resideInAnyPackage(allowed))))
                .check(library);
    }

    @Test
    void theRootUsesTheJdkAlone() {
        classes()
                .that()
                .resideInAPackage(ROOT)
                .should()
                .onlyDependOnClassesThat()
                .resideInAnyPackage(ROOT, "java..", "org.jspecify..")
                .check(library);
    }

    @Test
    void whatFamiliesShareKnowsNoFamily() {
        noClasses()
                .that()
                .resideInAPackage(ROOT + ".model.shared")
                .should()
                .dependOnClassesThat(resideInAPackage(ROOT + ".model..")
                        .and(DescribedPredicate.not(resideInAPackage(ROOT + ".model.shared"))))
                .check(library);
    }

    @Test
    void modelFamiliesSeeNeitherEachOtherNorTheirRegistry() {
        slices().matching(ROOT + ".model.(*)..")
                .should()
                .notDependOnEachOther()
                .ignoreDependency(DescribedPredicate.alwaysTrue(), resideInAPackage(ROOT + ".model.shared"))
                .allowEmptyShould(true)
                .check(library);
        noClasses()
                .that()
                .resideInAPackage(ROOT + ".model.*..")
                .should()
                .dependOnClassesThat()
                .resideInAPackage(ROOT + ".model")
                .allowEmptyShould(true)
                .check(library);
    }

    @Test
    void nativeScopesAreOpenedByTheTensorPackageAlone() {
        noClasses()
                .that()
                .resideOutsideOfPackage(ROOT + ".tensor")
                .should()
                .dependOnClassesThat()
                .haveFullyQualifiedName("org.bytedeco.javacpp.PointerScope")
                .check(library);
    }

    /** The wall clock can jump. Two classes write the time of day into files, and nothing is computed from it. */
    @Test
    void durationsComeFromAClockThatCannotJump() {
        noClasses()
                .that()
                .doNotHaveFullyQualifiedName(ROOT + ".train.TensorBoardWriter")
                .and()
                .doNotHaveFullyQualifiedName(ROOT + ".train.RunAbout")
                .should()
                .callMethod(System.class, "currentTimeMillis")
                .orShould()
                .callMethod(Instant.class, "now")
                .orShould()
                .callMethod(Clock.class, "systemUTC")
                .orShould()
                .callMethod(Clock.class, "systemDefaultZone")
                .check(library);
    }

    @Test
    void theLibraryPrintsNothing() {
        noClasses()
                .should()
                .accessField(System.class, "out")
                .orShould()
                .accessField(System.class, "err")
                .check(library);
    }

    private static String qualified(String name) {
        return name.isEmpty() ? ROOT : ROOT + "." + name;
    }
}
