;; A plugin by hand: `plan` wants a directory on every node, `verify` looks whether it is there, `offer` tells the others of a share.
;;
;; How values lie in memory is the canonical ABI's: fields in order, each aligned; a list or text is address and length; a variant is its
;; case and then what it holds. Every call gets a fresh instance, so memory that nobody wrote to is zero: none, false, empty, ok.
(module
  (import "arcus:plugin/observe@0.1.0" "ask" (func $ask (param i32 i32 i32)))
  (memory (export "memory") 2)

  (data (i32.const 16) "directory:")
  (data (i32.const 32) "a directory for the share")
  (data (i32.const 64) "/srv/wat")
  (data (i32.const 80) "root")
  (data (i32.const 96) "it is there")
  (data (i32.const 112) "nothing is there")
  (data (i32.const 144) "the answer is about something else")
  (data (i32.const 192) "10.99.0.9:/srv/data")
  (data (i32.const 224) "nfs4")

  ;; Where results are returned, and where answers are put.
  (global $result i32 (i32.const 1024))
  (global $answers i32 (i32.const 1152))

  ;; Sizes of records, in bytes.
  (global $node i32 (i32.const 32))
  (global $step i32 (i32.const 252))
  (global $request i32 (i32.const 76))
  (global $answer i32 (i32.const 80))
  (global $check i32 (i32.const 44))

  ;; Memory is only ever taken.
  (global $heap (mut i32) (i32.const 2048))
  (func $take (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
    (global.set $heap (i32.add (local.get $at) (local.get $size)))
    (block $fits
      (loop $grow
        (br_if $fits (i32.le_u (global.get $heap) (i32.mul (memory.size) (i32.const 65536))))
        (if (i32.eq (memory.grow (i32.const 16)) (i32.const -1)) (then (unreachable)))
        (br $grow)))
    (local.get $at))
  (func (export "cabi_realloc") (param $old i32) (param $was i32) (param $align i32) (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (call $take (local.get $size)))
    (memory.copy (local.get $at) (local.get $old) (local.get $was))
    (local.get $at))

  ;; Puts address and length of a text at a place.
  (func $text (param $place i32) (param $at i32) (param $length i32)
    (i32.store (local.get $place) (local.get $at))
    (i32.store offset=4 (local.get $place) (local.get $length)))

  ;; The input's nodes: their address and how many there are. A node begins with its name.
  (func $nodes (param $input i32) (result i32) (i32.load offset=24 (local.get $input)))
  (func $count (param $input i32) (result i32) (i32.load offset=28 (local.get $input)))

  ;; A step for each node: `directory:NAME`, satisfied when /srv/wat is a directory of root's with mode 0755.
  (func (export "arcus:plugin/lifecycle@0.1.0#plan") (param $input i32) (result i32)
    (local $left i32) (local $node i32) (local $step i32) (local $id i32) (local $length i32)
    (local.set $left (call $count (local.get $input)))
    (local.set $node (call $nodes (local.get $input)))
    (local.set $step (call $take (i32.mul (local.get $left) (global.get $step))))
    ;; ok: desired, with this list of steps and no warnings
    (i32.store offset=4 (global.get $result) (local.get $step))
    (i32.store offset=8 (global.get $result) (local.get $left))
    (block $done
      (loop $each
        (br_if $done (i32.eqz (local.get $left)))
        ;; id
        (local.set $length (i32.load offset=4 (local.get $node)))
        (local.set $id (call $take (i32.add (local.get $length) (i32.const 10))))
        (memory.copy (local.get $id) (i32.const 16) (i32.const 10))
        (memory.copy (i32.add (local.get $id) (i32.const 10)) (i32.load (local.get $node)) (local.get $length))
        (call $text (local.get $step) (local.get $id) (i32.add (local.get $length) (i32.const 10)))
        ;; node, title
        (call $text (i32.add (local.get $step) (i32.const 8)) (i32.load (local.get $node)) (local.get $length))
        (call $text (i32.add (local.get $step) (i32.const 28)) (i32.const 32) (i32.const 25))
        ;; action: directory, the case 1: path, mode, owner, group
        (i32.store8 offset=36 (local.get $step) (i32.const 1))
        (call $text (i32.add (local.get $step) (i32.const 40)) (i32.const 64) (i32.const 8))
        (i32.store offset=48 (local.get $step) (i32.const 0x1ed))
        (call $text (i32.add (local.get $step) (i32.const 52)) (i32.const 80) (i32.const 4))
        (call $text (i32.add (local.get $step) (i32.const 60)) (i32.const 80) (i32.const 4))
        ;; timeout-s
        (i32.store offset=248 (local.get $step) (i32.const 30))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (local.set $node (i32.add (local.get $node) (global.get $node)))
        (local.set $step (i32.add (local.get $step) (global.get $step)))
        (br $each)))
    (global.get $result))

  ;; Asks each node for the directory, all at once, and makes a check of each answer.
  (func (export "arcus:plugin/lifecycle@0.1.0#verify") (param $input i32) (result i32)
    (local $left i32) (local $node i32) (local $request i32) (local $requests i32) (local $answer i32) (local $check i32)
    (local.set $left (call $count (local.get $input)))
    (local.set $node (call $nodes (local.get $input)))
    (local.set $requests (call $take (i32.mul (local.get $left) (global.get $request))))
    (local.set $request (local.get $requests))
    (block $done
      (loop $each
        (br_if $done (i32.eqz (local.get $left)))
        (call $text (local.get $request) (i32.load (local.get $node)) (i32.load offset=4 (local.get $node)))
        ;; probe: directory, the case 10: path
        (i32.store8 offset=8 (local.get $request) (i32.const 10))
        (call $text (i32.add (local.get $request) (i32.const 12)) (i32.const 64) (i32.const 8))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (local.set $node (i32.add (local.get $node) (global.get $node)))
        (local.set $request (i32.add (local.get $request) (global.get $request)))
        (br $each)))
    (call $ask (local.get $requests) (call $count (local.get $input)) (global.get $answers))
    (local.set $answer (i32.load (global.get $answers)))
    (local.set $left (i32.load offset=4 (global.get $answers)))
    (local.set $node (call $nodes (local.get $input)))
    (local.set $check (call $take (i32.mul (local.get $left) (global.get $check))))
    ;; ok: verified, with this list of checks and no witnesses
    (i32.store offset=4 (global.get $result) (local.get $check))
    (i32.store offset=8 (global.get $result) (local.get $left))
    (block $done
      (loop $each
        (br_if $done (i32.eqz (local.get $left)))
        ;; id: `directory`, without the colon; node; title
        (call $text (local.get $check) (i32.const 16) (i32.const 9))
        (i32.store8 offset=8 (local.get $check) (i32.const 1))
        (call $text (i32.add (local.get $check) (i32.const 12)) (i32.load (local.get $node)) (i32.load offset=4 (local.get $node)))
        (call $text (i32.add (local.get $check) (i32.const 20)) (i32.const 32) (i32.const 25))
        ;; outcome and detail: no answer is unknown (4), with the problem's message; nothing there is failed (2)
        (if (i32.load8_u (local.get $answer))
          (then
            (i32.store8 offset=28 (local.get $check) (i32.const 4))
            (call $text (i32.add (local.get $check) (i32.const 36)) (i32.load offset=16 (local.get $answer)) (i32.load offset=20 (local.get $answer))))
          (else
            (if (i32.ne (i32.load8_u offset=8 (local.get $answer)) (i32.const 10))
              (then
                (i32.store8 offset=28 (local.get $check) (i32.const 4))
                (call $text (i32.add (local.get $check) (i32.const 36)) (i32.const 144) (i32.const 34)))
              (else
                (if (i32.load8_u offset=16 (local.get $answer))
                  (then (call $text (i32.add (local.get $check) (i32.const 36)) (i32.const 96) (i32.const 11)))
                  (else
                    (i32.store8 offset=28 (local.get $check) (i32.const 2))
                    (call $text (i32.add (local.get $check) (i32.const 36)) (i32.const 112) (i32.const 16))))))))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (local.set $node (i32.add (local.get $node) (global.get $node)))
        (local.set $answer (i32.add (local.get $answer) (global.get $answer)))
        (local.set $check (i32.add (local.get $check) (global.get $check)))
        (br $each)))
    (global.get $result))

  ;; ok: source, fstype; no options, nobody local
  (func (export "arcus:plugin/storage@0.1.0#offer") (param $input i32) (result i32)
    (call $text (i32.add (global.get $result) (i32.const 4)) (i32.const 192) (i32.const 19))
    (call $text (i32.add (global.get $result) (i32.const 12)) (i32.const 224) (i32.const 4))
    (global.get $result))

  ;; No goals, nothing half-done, nothing to mend, nothing to take away, no drills: all empty.
  (func (export "arcus:plugin/lifecycle@0.1.0#judge") (param $arguments i32) (result i32) (global.get $result))
  (func (export "arcus:plugin/lifecycle@0.1.0#unfinished") (param $input i32) (result i32) (global.get $result))
  (func (export "arcus:plugin/lifecycle@0.1.0#mend") (param $input i32) (result i32) (global.get $result))
  (func (export "arcus:plugin/lifecycle@0.1.0#leave") (param $arguments i32) (result i32) (global.get $result))
  (func (export "arcus:plugin/lifecycle@0.1.0#drills") (param $input i32) (result i32) (global.get $result)))
