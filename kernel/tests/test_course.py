"""What a reader of the course sees: a training under the installed kernel `ddpm-rust`, interrupted, and its variables after it."""

import json
import os
import pathlib
import re
import unittest

from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
from support import ROOT, Session, suite

KERNEL = "ddpm-rust"
CELLS = [
    ':dep ddpm_tutor = { path = ".." }\nuse ddpm_tutor::prelude::*;\n'
    "let base: BaseConfig = BaseConfig::default();\n"
    "let training: TrainingConfig = TrainingConfig { epochs: 2_000, ..Default::default() };\n"
    "let constants: ConstantsManager = ConstantsManager::new(&base, &training)?;\n"
    "let dataloader: DataLoader = get_dataloader(&base, &training)?;\n"
    "let model: Model = get_model(&base, FnnConfig::default(), &training)?;\n"
    "let mut state: TrainingState = TrainingState::new(&model, &base, &training)?;",
    "{\n    let mut progress = show_progress_and_curve();\n"
    "    while state.epoch() < training.epochs && !interrupted() {\n"
    "        train_one_epoch(&model, &dataloader, &constants, &mut state, &mut progress)?;\n    }\n}",
    'println!("alive: {} parameters, epoch {} of {}", parameter_count(&model), state.epoch(), training.epochs);',
]


class Course(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        try:
            spec = KernelSpecManager().get_kernel_spec(KERNEL)
        except NoSuchKernel:
            raise unittest.SkipTest(f"the kernel {KERNEL} is not installed: cargo xtask setup") from None
        # Another checkout's kernel would say nothing of this one.
        if not pathlib.Path(spec.argv[0]).resolve().is_relative_to(ROOT) and "DDPM_ANY_COURSE" not in os.environ:
            raise unittest.SkipTest(f"the kernel {KERNEL} belongs to {spec.argv[0]}")
        cls.kernel = Session(suite(), crate=None, argv=spec.argv, env={**spec.env, "CARGO_TARGET_DIR": None})
        cls.addClassCleanup(cls.kernel.end)
        checkout = pathlib.Path(spec.argv[spec.argv.index("--crate") + 1])
        cls.kernel.start(cwd=str(checkout / "notebooks"))
        cls.kernel.run(CELLS[0], 240)

    def test_names_were_read_before_the_first_cell(self):
        found = re.search(r"(\d+) names read", self.kernel.log())
        self.assertTrue(found, self.kernel.log()[-2000:])
        self.assertGreater(int(found[1]), 20, "methods of a path")

    def test_a_training_shows_itself_is_interrupted_and_the_variables_are_there(self):
        request = self.kernel.execute(CELLS[1])
        self.kernel.pump(lambda: len(self.updates(request)) >= 10, "the bar and the curve move")
        self.assertFalse(self.kernel.is_idle(request))
        self.kernel.interrupt()
        done = self.kernel.finish(request, 20)
        self.assertEqual((done.reply["content"]["status"], done.error.strip()), ("ok", ""))
        shown = json.dumps([message["content"] for message in done.messages])
        self.assertIn("stopped", shown)
        self.assertIn("svg", shown)
        # At most ten updates a second for each thing that is shown.
        times = [message["received"] for message in self.updates(request)]
        ids = {message["content"]["transient"]["display_id"] for message in self.updates(request)}
        self.assertLessEqual(len(times), len(ids) * (13 * (times[-1] - times[0]) + 3))
        alive = self.kernel.run(CELLS[2]).text
        found = re.search(r"alive: (\d+) parameters, epoch (\d+) of 2000", alive)
        self.assertTrue(found, alive)
        self.assertGreater(int(found[1]), 1000)
        self.assertLess(int(found[2]), 2000)

    def updates(self, request):
        messages = self.kernel.messages.get(request, [])
        return [message for message in messages if message["msg_type"] == "update_display_data"]

    def test_sampling_shows_points_that_denoise(self):
        code = "let mut logger: InferenceLogger = InferenceLogger::new(InferType::PlotProcess);\n"
        code += "let samples: Tensor = generate_samples(&model, &constants, 400, 7, &mut logger)?;\nprintln!(\"{:?}\", samples.size());"
        done = self.kernel.run(code)
        self.assertIn("[400, 2]", done.text)
        self.assertTrue(done.of("display_data", "update_display_data", "execute_result"), done.shown())

    def test_shapes_that_do_not_fit_are_told_without_libtorchs_frames(self):
        flat = "Tensor::zeros([2, 3], (Kind::Float, tch::Device::Cpu))"
        for product in ("matmul(&flat)", "f_matmul(&flat)?"):
            code = f"let flat: Tensor = {flat}; let product: Tensor = flat.{product};"
            done = self.kernel.fail(code)
            for words in (done.stream("stderr"), done.of("error")[0]["content"]["evalue"]):
                self.assertIn("mat1 and mat2 shapes cannot be multiplied (2x3 and 2x3)", words)
            self.assertNotIn("frame #", done.error)
            # A notebook shows stderr and the traceback, which does not repeat it.
            shown = done.stream("stderr") + "".join(done.of("error")[0]["content"]["traceback"])
            self.assertLess(len(shown), 500, shown)


if __name__ == "__main__":
    unittest.main()
