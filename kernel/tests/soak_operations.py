"""What the soak does to a kernel, at moments that a seed chooses; each operation says what has to hold afterwards."""

import time

from soak_session import CELL, PROMPT, SoakSession
from support import kill

# The front gives up on an evcxr that dies three times in a minute.
DEATHS, DEATHS_WITHIN = 2, 75
# A second click within a second is a double click.
NO_DOUBLE_CLICK = 1.2
LONGEST = 25

FIRST = ':dep ddpm_tutor = { path = ".." }\nuse ddpm_tutor::prelude::*;'
SETTING = """
let base: BaseConfig = BaseConfig::default();
let training: TrainingConfig = TrainingConfig { epochs: 1_000_000, ..Default::default() };
let constants: ConstantsManager = ConstantsManager::new(&base, &training)?;
let dataloader: DataLoader = get_dataloader(&base, &training)?;
let model: Model = get_model(&base, FnnConfig::default(), &training)?;
let mut state: TrainingState = TrainingState::new(&model, &base, &training)?;
"""
ASKS = """
println!("begun");
{
    let end = std::time::Instant::now() + std::time::Duration::from_secs(%d);
    let mut progress = show_progress_and_curve();
    while std::time::Instant::now() < end && !interrupted() {
        train_one_epoch(&model, &dataloader, &constants, &mut state, &mut progress)?;
    }
}
println!("ended");
""" % LONGEST
# It prints and asks nobody. It ends by itself, should everything else fail.
DEAF = """
println!("begun");
let end = std::time::Instant::now() + std::time::Duration::from_secs(%d);
while std::time::Instant::now() < end { println!("deaf"); std::thread::sleep(std::time::Duration::from_millis(50)); }
println!("ended");
""" % (2 * LONGEST)


def check(holds, what, done=None):
    if not holds:
        raise AssertionError(what if done is None else f"{what}; shown: {done.shown()[-8:]}; error: {done.error[-1500:]}")


class Operations:
    """One session that is interrupted, restarted and killed. `random` has the seed."""

    def __init__(self, scratch, random):
        self.scratch, self.random = scratch, random
        self.session, self.deaths = None, []
        self.kinds = {
            "interrupt a training": (self.interrupt_a_training, 5),
            "interrupt at any moment": (self.interrupt_at_any_moment, 5),
            "interrupt what is deaf": (self.interrupt_what_is_deaf, 2),
            "kill the cells' process": (self.kill_cells, 3),
            "kill it between cells": (self.kill_cells_between, 2),
            "kill evcxr": (self.kill_evcxr, 2),
            "kill evcxr between cells": (self.kill_evcxr_between, 1),
            "kill the front": (self.kill_the_front, 2),
            "kill a front that starts": (self.kill_a_front_that_starts, 1),
            "restart": (self.restart, 2),
            "shut down, start anew": (self.shut_down, 1),
        }

    def choose(self):
        names = list(self.kinds)
        if len([death for death in self.deaths if time.monotonic() - death < DEATHS_WITHIN]) >= DEATHS:
            names = [name for name in names if "evcxr" not in name]
        return self.random.choices(names, [self.kinds[name][1] for name in names])[0]

    def run(self, name):
        if self.session is None:
            self.begin()
        self.kinds[name][0]()
        self.session.forget()

    def begin(self):
        self.session = SoakSession(self.scratch)
        self.session.start()
        self.deaths.clear()
        self.set_up()

    def give_up(self):
        session, self.session = self.session, None
        if session:
            session.end_somehow()

    # What an operation is made of.

    def set_up(self):
        """The cells that a reader runs first, and a value that shows whether variables were lost or kept."""
        # A cell that is sent just as the process dies reports an error, and can be run again.
        for _ in range(2):
            done = self.session.finish(self.session.execute(FIRST), CELL)
            if done.reply["content"]["status"] == "ok":
                break
        self.session.run(SETTING, CELL)
        self.token = self.random.randrange(10**9)
        self.session.run(f"let token: u64 = {self.token};", CELL)
        self.session.locate()

    def keeps(self):
        done = self.session.run('println!("token {token}, epoch {}", state.epoch());', CELL)
        check(f"token {self.token}," in done.text, "a variable has another value", done)

    def lost(self):
        done = self.session.fail('println!("{token}");', CELL)
        check("token" in done.error, "a variable that is lost was not named", done)

    def pause(self, most):
        """Takes what comes for a time that the seed chooses."""
        end = time.monotonic() + self.random.uniform(0, most)
        while time.monotonic() < end:
            self.session.take(0.02)

    def at_work(self, code, begun=True):
        """A cell in its work: it has begun to print, or was only just taken up."""
        request = self.session.execute(code)
        if begun:
            self.session.until(request, "stream", "begun", CELL)
        else:
            self.session.until(request, "execute_input", "begun", CELL)
        return request

    def told(self, request):
        """The cell's end, which has to be an error that says what is lost."""
        done = self.session.finish(request, LONGEST)
        check(done.reply["content"]["status"] == "error", "the cell does not say that its process was killed", done)
        check("variables" in done.error + done.text, "the cell does not say what is lost", done)
        return done

    # The operations.

    def interrupt_a_training(self):
        request = self.at_work(ASKS)
        self.pause(3)
        self.session.interrupt()
        done = self.session.finish(request, PROMPT)
        check(done.reply["content"]["status"] == "ok" and "ended" in done.text, "a training was not asked to end", done)
        self.keeps()

    def interrupt_at_any_moment(self):
        """While it is compiled, between that and its beginning, or while it runs."""
        request = self.at_work(ASKS, begun=False)
        self.pause(4)
        self.session.interrupt()
        done = self.session.finish(request, PROMPT)
        if "begun" in done.text:
            check(done.reply["content"]["status"] == "ok" and "ended" in done.text, "a training was not asked to end", done)
        self.keeps()

    def interrupt_what_is_deaf(self):
        request = self.at_work(DEAF)
        self.session.interrupt()
        if self.random.random() < 0.5:
            time.sleep(NO_DOUBLE_CLICK)
            self.session.interrupt()
        self.told(request)
        self.set_up()

    def kill_cells(self):
        request = self.at_work(ASKS, begun=self.random.random() < 0.5)
        self.pause(2)
        kill(self.session.cells_process())
        self.told(request)
        self.set_up()

    def kill_cells_between(self):
        kill(self.session.cells_process())
        self.told(self.session.execute('println!("{token}");'))
        self.set_up()

    def kill_evcxr(self):
        request = self.at_work(ASKS, begun=self.random.random() < 0.5)
        self.pause(2)
        self.deaths.append(time.monotonic())
        kill(self.session.evcxr())
        self.told(request)
        self.set_up()

    def kill_evcxr_between(self):
        self.deaths.append(time.monotonic())
        kill(self.session.evcxr())
        self.set_up()

    def kill_the_front(self):
        if self.random.random() < 0.7:
            self.at_work(ASKS, begun=self.random.random() < 0.5)
            self.pause(2)
        self.session.kill_front()
        self.come_back(now=True)

    def kill_a_front_that_starts(self):
        self.session.manager.restart_kernel(now=self.random.random() < 0.5)
        self.pause(5)
        self.session.kill_front()
        self.come_back(now=True)

    def restart(self):
        if self.random.random() < 0.7:
            self.at_work(ASKS, begun=self.random.random() < 0.5)
            self.pause(2)
        self.come_back(now=self.random.random() < 0.3)

    def come_back(self, now):
        before = {process.pid for process in self.session.processes()}
        self.session.restart(now)
        self.deaths.clear()
        self.lost()
        left = before & {process.pid for process in self.session.processes()}
        check(not left, f"of the kernel before the restart these processes are left: {left}")
        self.set_up()
        folders = [path for path in self.session.sessions.iterdir() if path.is_dir()]
        check(len(folders) == 1, f"one session runs, and there are these folders: {folders}")

    def shut_down(self):
        if self.random.random() < 0.5:
            self.at_work(ASKS, begun=self.random.random() < 0.5)
            self.pause(2)
        session = self.session
        session.end_well()
        self.session = None
        self.begin()
