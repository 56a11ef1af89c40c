"""Changes that a node of the code can have."""

import ast
import copy
from collections.abc import Iterator

FLIPPED = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.And: (ast.Or,),
    ast.Or: (ast.And,),
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div,),
    ast.Div: (ast.Mult,),
    ast.FloorDiv: (ast.Mult,),
    ast.Mod: (ast.Mult,),
    ast.Pow: (ast.Mult,),
}
REMOVED = (ast.AugAssign, ast.Raise, ast.Continue, ast.Break, ast.Delete)


def variants(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """What may stand in a node's place, each with the kind of the change."""
    match node:
        case ast.Compare(ops=operators):
            for number, operator in enumerate(operators):
                for other in FLIPPED[type(operator)]:
                    flipped = [*operators[:number], other(), *operators[number + 1 :]]
                    yield "comparison flipped", _replace(node, ops=flipped)
        case ast.Constant(value=bool(value)):
            yield "constant moved", ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield "constant moved", ast.Constant(value + 1)
            yield "constant moved", ast.Constant(value - 1)
        case ast.Constant(value=float(value)):
            yield "constant moved", ast.Constant(2 * value or 1.0)
            yield "constant moved", ast.Constant(value / 2 or 1.0)
        case ast.BinOp(op=operator) if type(operator) in FLIPPED:
            yield "arithmetic swapped", _replace(node, op=FLIPPED[type(operator)][0]())
        case ast.BoolOp(op=operator):
            yield "and, or swapped", _replace(node, op=FLIPPED[type(operator)][0]())
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield "not or minus dropped", operand
        case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test):
            yield "condition negated", _replace(node, test=ast.UnaryOp(ast.Not(), test))
        case ast.Return(value=ast.AST()) if not _is_none(node.value):
            yield "returned value replaced", ast.Return(ast.Constant(None))
        case ast.Expr(value=ast.Call()) | ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield "statement removed", ast.Pass()
        case _ if isinstance(node, REMOVED):
            yield "statement removed", ast.Pass()


def _replace(node: ast.AST, **fields) -> ast.AST:
    copied = copy.copy(node)
    for name, value in fields.items():
        setattr(copied, name, value)
    return copied


def _is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None
